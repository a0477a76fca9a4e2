// fileStore: processes, full disks, and files that something has changed.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { fileStore } from "tarta/node";
import { forget, keep, kept, MESSAGE, parts, shown } from "./kit.mjs";

const { Ledger, repairStore } = parts;

const root = mkdtempSync(join(tmpdir(), "tarta-files-"));
after(() => rmSync(root, { recursive: true }));
let folders = 0;
const newFolder = () => join(root, `${folders++}`);

const KIT = new URL("kit.mjs", import.meta.url).href;

/** A process with the store `folder` open as `ledger`; `limit`: no file of its grows beyond so many KiB. Gives its lines. */
async function child(folder, code, limit = "unlimited") {
  const script = `
    import { fileStore } from "tarta/node";
    import { forget, keep, parts } from ${JSON.stringify(KIT)};
    const { ledger } = await parts.Ledger.open(fileStore(${JSON.stringify(folder)}));
    ${code}`;
  const started = spawn("sh", ["-c", `ulimit -f ${limit}; exec "$0" --input-type=module -e "$1"`, process.execPath, script], {
    cwd: fileURLToPath(new URL(".", import.meta.url)), stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise((resolve) => started.once("close", resolve));
  const lines = [];
  let heard = () => {};
  started.stdout.on("data", (text) => {
    lines.push(...String(text).trim().split("\n"));
    heard();
  });
  const line = async (wanted) => {
    while (!lines.some((one) => one.startsWith(wanted))) await Promise.race([new Promise((resolve) => (heard = resolve)), ended.then(() => assert.fail(`it ended without ${wanted}`))]);
  };
  return { started, ended, lines, line };
}

describe("processes", () => {
  test("one has it at a time; what one has written outlives its death", async () => {
    const folder = newFolder();
    const { started, ended, lines, line } = await child(folder, `
      for (let index = 0; ; index++) {
        await ledger.write([keep(1, index, "x".repeat(100)), forget(1, index - 10)]);
        console.log("written", index);
      }`);
    await line("written 20");
    await assert.rejects(Ledger.open(fileStore(folder)), { name: "MqttError", code: "STORE_IN_USE" });
    started.kill("SIGKILL");
    await ended;
    const found = (await kept(fileStore(folder))).map((text) => Number(text.split(" ")[1]));
    const told = Math.max(...lines.map((text) => Number(text.split(" ")[1])));
    assert.ok(found.at(-1) === told || found.at(-1) === told + 1, `${found.at(-1)}, ${told} was told`);
    assert.deepEqual(found, Array.from({ length: 10 }, (_, index) => found.at(-1) - 9 + index));
  });

  test("a disk that is full fails what does not fit, and nothing else", async () => {
    const folder = newFolder();
    const { ended, lines } = await child(folder, `
      for (let index = 0; index < 30; index++) {
        const size = index % 3 === 1 ? 700_000 : 1000;
        await ledger.write([keep(1, index, "x".repeat(size)), forget(1, index - 3)]).then(() => console.log("kept", index), (error) => console.log(error.code, index, error.message));
      }
      await ledger.close();`, 1000);
    assert.equal(await ended, 0);
    const failed = lines.filter((text) => text.startsWith("STORE_FAILED"));
    const succeeded = lines.filter((text) => text.startsWith("kept"));
    assert.equal(failed.length + succeeded.length, 30, lines.join("\n"));
    assert.ok(failed.length > 3 && succeeded.length >= 20, lines.join("\n"));
    assert.match(failed[0], /File too large/);
    // What was told to be kept, and not told to be forgotten.
    const numbers = succeeded.map((text) => Number(text.split(" ")[1]));
    const expected = numbers.filter((number) => !numbers.includes(number + 3));
    const found = (await kept(fileStore(folder))).map((text) => Number(text.split(" ")[1]));
    // A rejected call may have forgotten.
    const doubtful = expected.filter((number) => number + 3 < 30);
    assert.deepEqual(found.filter((number) => !doubtful.includes(number)), expected.filter((number) => !doubtful.includes(number)));
    assert.deepEqual(found.filter((number) => !expected.includes(number)), []);
  });
});

test("a folder that cannot be one, or goes away, or a package that is missing: rejects with why", async () => {
  assert.throws(() => fileStore(""), TypeError);
  assert.throws(() => fileStore(undefined), TypeError);
  const file = newFolder();
  writeFileSync(file, "");
  await assert.rejects(Ledger.open(fileStore(file)), { code: "STORE_FAILED", message: /ENOTDIR/ });
  await assert.rejects(Ledger.open(fileStore(join(file, "below"))), { code: "STORE_FAILED", message: /ENOTDIR/ });

  const folder = newFolder();
  const { ledger } = await Ledger.open(fileStore(folder));
  await ledger.write([keep(MESSAGE, 1)]);
  rmSync(folder, { recursive: true });
  const large = "x".repeat(2 ** 20); // beyond what is written to one file
  const fates = [];
  for (let index = 0; index < 10; index++) fates.push(await ledger.write([keep(MESSAGE, index, large)]).catch((error) => error.code));
  assert.ok(fates.includes("STORE_FAILED") && fates.at(-1) !== undefined, fates.join());
  await ledger.close().catch(() => {});

  // As where the package is not installed.
  const alone = newFolder();
  cpSync(new URL("../../web/dist/node.mjs", import.meta.url), join(alone, "node.mjs"));
  const { fileStore: without } = await import(join(alone, "node.mjs"));
  await assert.rejects(Ledger.open(without(newFolder())), { name: "MqttError", code: "UNSUPPORTED", message: /npm install classic-level/ });
});

test("a store of which the power has failed while it was made is as new; one that has lost its list of files is not", async () => {
  const make = (log) => {
    const folder = newFolder();
    mkdirSync(folder);
    for (const [file, text] of Object.entries({ CURRENT: "MANIFEST-000001\n", "MANIFEST-000001": "", "000003.log": log })) writeFileSync(join(folder, file), text);
    return fileStore(folder);
  };
  const store = make("");
  assert.deepEqual(await kept(store), []);
  const { ledger } = await Ledger.open(store);
  await ledger.write([keep(MESSAGE, 1, "a")]);
  await ledger.close();
  assert.deepEqual(await kept(store), ["1 1 a"]);
  await assert.rejects(Ledger.open(make("x")), { code: "STORE_CORRUPT" });
});

// What a store of many batches becomes when its files are changed: all of it, the state after an earlier batch, or an error.
describe("files that something has changed", () => {
  const states = new Set();
  const saved = []; // by each repair: how many records
  let folder;

  before(async () => {
    folder = newFolder();
    // Two rounds, so that there is a sorted table beside the log.
    let number = 0;
    states.add(JSON.stringify([]));
    for (const rounds of [120, 120]) {
      const { ledger, records } = await Ledger.open(fileStore(folder));
      const expected = new Map(shown(records).map((text) => [text.split(" ")[1], text]));
      for (let round = 0; round < rounds; round++, number++) {
        const text = `${number} `.repeat(100);
        await ledger.write([keep(MESSAGE, number, text), forget(MESSAGE, number - 140)]);
        expected.delete(`${number - 140}`);
        expected.set(`${number}`, `1 ${number} ${text}`);
        states.add(JSON.stringify([...expected.values()]));
      }
      await ledger.close();
    }
  });

  /** What becomes of a copy of the folder. */
  async function fate(change) {
    const copy = newFolder();
    cpSync(folder, copy, { recursive: true });
    change(copy);
    try {
      const found = JSON.stringify(await kept(fileStore(copy)));
      assert.ok(states.has(found), `a hole: ${found.slice(0, 200)}`);
      return found === [...states].at(-1) ? "whole" : "earlier";
    } catch (error) {
      if (error.name !== "MqttError") throw error;
      assert.equal(error.code, "STORE_CORRUPT", error.message);
      const { kept: some } = await repairStore(fileStore(copy));
      assert.equal((await kept(fileStore(copy))).length, some);
      saved.push(some);
      return "corrupt";
    } finally {
      rmSync(copy, { recursive: true });
    }
  }

  async function fates(changes) {
    const counts = { whole: 0, earlier: 0, corrupt: 0 };
    saved.length = 0;
    for (const change of changes) counts[await fate(change)]++;
    return counts;
  }

  const files = (pattern) => readdirSync(folder).filter((file) => pattern.test(file));
  const rewrite = (file, change) => (copy) => writeFileSync(join(copy, file), change(readFileSync(join(copy, file))));

  test("are not repaired while somebody has them open", async () => {
    const copy = newFolder();
    cpSync(folder, copy, { recursive: true });
    const { ledger } = await Ledger.open(fileStore(copy));
    const [table] = readdirSync(copy).filter((file) => file.endsWith(".ldb"));
    const bytes = readFileSync(join(copy, table));
    bytes[100] ^= 1;
    writeFileSync(join(copy, table), bytes);
    await assert.rejects(repairStore(fileStore(copy)), { name: "MqttError", code: "STORE_IN_USE" });
    assert.deepEqual(readFileSync(join(copy, table)), bytes);
    await ledger.close();
    assert.ok((await repairStore(fileStore(copy))).kept > 120);
    assert.ok(existsSync(join(copy, "lost", table)));
  });

  test("nothing", async () => assert.equal(await fate(() => {}), "whole"));

  for (const [name, pattern] of [["the log", /\.log$/], ["the sorted tables", /\.ldb$/], ["the manifest", /^MANIFEST/]]) {
    test(`a byte of ${name}, at many places`, async (t) => {
      const changes = files(pattern).flatMap((file) => {
        const { length } = readFileSync(join(folder, file));
        const step = Math.max(3, Math.floor(length / 40) | 1);
        return Array.from({ length: Math.floor(length / step) }, (_, index) =>
          rewrite(file, (bytes) => bytes.fill(bytes[index * step] ^ (1 << (index % 8)), index * step, index * step + 1)));
      });
      const counts = await fates(changes);
      const repaired = saved.sort((one, other) => one - other);
      t.diagnostic(`${JSON.stringify(counts)}, records after repairs: ${repaired}`);
      assert.ok(counts.corrupt > 0);
      // Of the last batch it cannot be told from one that was left unfinished.
      if (name === "the log") assert.ok(counts.earlier <= 2 && repaired[0] >= 138);
      // Where what tells of a block's place is damaged, all twenty of the table are lost.
      if (name === "the sorted tables") assert.ok(repaired[0] >= 120 && repaired[Math.floor(repaired.length / 10)] >= 126);
    });

    test(`the end of ${name}, cut off; a piece of zeros`, async (t) => {
      const changes = files(pattern).flatMap((file) => {
        const { length } = readFileSync(join(folder, file));
        return Array.from({ length: 20 }, (_, index) => Math.floor((length * index) / 20)).flatMap((at) => [
          rewrite(file, (bytes) => bytes.subarray(0, at)),
          rewrite(file, (bytes) => bytes.fill(0, at, Math.min(at + 100, bytes.length))),
        ]);
      });
      t.diagnostic(JSON.stringify(await fates(changes)));
    });
  }

  test("any file that is missing", async (t) => {
    const counts = {};
    for (const file of files(/./)) counts[file] = await fate((copy) => rmSync(join(copy, file)));
    t.diagnostic(JSON.stringify(counts));
    assert.equal(counts.CURRENT, "corrupt");
  });
});
