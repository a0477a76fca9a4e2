// That disk.mjs loses what was not synced and nothing else, and what a store on such a disk must outlast.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { fileStore } from "tarta/node";
import { readAll } from "../stores/cases.mjs";
import { DurableBroker } from "./broker.mjs";
import { buildDisk, Disk } from "./disk.mjs";
import { Findings } from "./judge.mjs";
import { Lives } from "./lives.mjs";

const HERE = fileURLToPath(new URL(".", import.meta.url));

/** Draws that have a disk keep "none" or "all" of the changes of names, and of content, that were not synced. */
const keeping = (names, content) => ({ of: (modes) => (modes.includes("zeros") ? content : names) });

before(buildDisk);

/** A folder and its disk, for the time of a test. */
function newDisk(t) {
  const root = mkdtempSync(join(tmpdir(), "tarta-disk-root-"));
  const disk = new Disk(root);
  t.after(() => {
    disk.close();
    rmSync(root, { recursive: true });
  });
  return { root, disk };
}

/** A process that runs this module. Resolves with what it has said, and how it has ended. */
async function run(code, env) {
  const started = spawn(process.execPath, ["--input-type=module", "-e", code], {
    cwd: HERE, stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, ...env },
  });
  let text = "";
  started.stdout.on("data", (data) => (text += data));
  const [code_, signal] = await once(started, "close");
  return { lines: text.split("\n").slice(0, -1), end: signal ?? code_ };
}

test("what is there after a loss of power: what was synced, and of the rest what the disk likes", async (t) => {
  const { root, disk } = newDisk(t);
  const code = `
    import fs from "node:fs";
    const path = (name) => ${JSON.stringify(root)} + "/" + name;
    const sync = (name, call) => { const fd = fs.openSync(path(name)); call(fd); fs.closeSync(fd); };
    fs.mkdirSync(path("a"));
    fs.writeFileSync(path("a/synced"), "one");
    sync("a/synced", fs.fdatasyncSync);
    fs.writeFileSync(path("a/old"), "");
    sync("", fs.fsyncSync);
    sync("a", fs.fsyncSync);
    fs.appendFileSync(path("a/synced"), "two");
    fs.writeFileSync(path("a/unnamed"), "three");
    sync("a/unnamed", fs.fsyncSync);
    fs.renameSync(path("a/old"), path("a/new"));
    fs.mkdirSync(path("b"));
    fs.writeFileSync(path("b/four"), "four");
    sync("b", fs.fsyncSync);`;
  const found = {};
  for (const names of ["none", "all"]) {
    for (const content of ["none", "all", "zeros"]) {
      rmSync(join(root, "a"), { recursive: true, force: true });
      rmSync(join(root, "b"), { recursive: true, force: true });
      const { end } = await run(code, disk.begin());
      assert.equal(end, 0);
      const draws = keeping(names, content);
      disk.fail({ ...draws, below: () => 0 });
      const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
      found[`${names} ${content}`] = files.map(({ name, path }) => `${name}: ${readFileSync(join(path, name), "utf8").replaceAll("\0", "0")}`).sort();
    }
  }
  const lost = ["old: ", "synced: one"];
  assert.deepEqual(found, {
    "none none": lost,
    "none all": lost,
    "none zeros": lost,
    "all none": ["four: ", "new: ", "synced: one", "unnamed: three"],
    "all all": ["four: four", "new: ", "synced: onetwo", "unnamed: three"],
    "all zeros": ["four: 0000", "new: ", "synced: one000", "unnamed: three"],
  });
});

for (const unsynced of [false, true]) {
  test(`a store that ${unsynced ? "syncs nothing loses what it was told to keep, and the judge sees it" : "syncs loses nothing"}`, async (t) => {
    const { root, disk } = newDisk(t);
    const broker = await DurableBroker.start();
    t.after(() => broker.stop());
    const lives = new Lives(broker, join(root, "store"), t.signal);
    // It cannot connect: what it is told to keep, only its store has.
    const { url } = broker;
    broker.url = "ws://127.0.0.1:1";
    await lives.run({ count: null, unsynced }, (life) => (line) => line === "stored 20" && life.kill("SIGKILL"), disk.begin());
    disk.fail(keeping("none", "none"));
    broker.url = url;
    await lives.finish();
    const findings = new Findings();
    assert.ok(lives.judge(findings).stored > 20);
    if (unsynced) assert.throws(() => findings.check(""), /out, lost \(\d+\): 0; 1; 2;/);
    else findings.check("");
  });
}

// With the changes of names that were not synced, and without; never with content that was not.
test("a store opens after a loss of power at any moment, and has all that it has told to be written", async (t) => {
  const { root, disk } = newDisk(t);
  const folder = join(root, "deep", "store");
  const code = `
    import { writeSync } from "node:fs";
    import { fileStore } from "tarta/node";
    const store = await fileStore(${JSON.stringify(folder)}).open();
    for (let number = 1; number < 10; number++) {
      await store.write([[number, new Uint8Array(number < 3 ? 1 : 2 ** 20)]]); // LevelDB soon begins another log
      writeSync(1, number + "\\n");
    }
    await store.close();`;
  let events = 0;
  for (let code_; code_ !== 0; ) {
    events++;
    rmSync(join(root, "deep"), { recursive: true, force: true });
    const { lines, end } = await run(code, disk.begin(events));
    code_ = end;
    disk.fail(keeping(events % 2 ? "none" : "all", "none"));
    const store = await fileStore(folder).open().catch((error) => assert.fail(`after ${events} events: ${error.message}`));
    const found = await readAll(store);
    await store.close();
    assert.ok(found.length >= lines.length, `after ${events} events: ${found.length} of ${lines.length} are there`);
  }
  t.diagnostic(`${events} events`);
  assert.ok(events > 30);
});
