// What scripts/soak says to those who run it, and what it writes down.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { PARTS } from "./parts.mjs";
import { writeReport } from "./report.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const script = join(root, "scripts/soak");
const soak = fileURLToPath(new URL("soak.mjs", import.meta.url));

function folder(t) {
  const made = mkdtempSync(join(tmpdir(), "tarta-soak-"));
  t.after(() => rmSync(made, { recursive: true }));
  return made;
}

/** A copy of what is in the repository, with nothing that could set up or build. */
function bareCopy(t) {
  const copy = folder(t);
  for (const part of ["scripts/soak", "scripts/lib", "tests/faults", "docs/faults.md"]) cpSync(join(root, part), join(copy, part), { recursive: true });
  return copy;
}

const run = (state, ...command) => spawnSync(command[0], command.slice(1), { encoding: "utf8", env: { ...process.env, TARTA_SOAK_STATE: state } });
const stateOf = (done) => ({ seed: 7, done, seconds: 61, figures: { kills: 4000 }, machine: "one", date: "2026-01-02" });
const keep = (state, done) => writeFileSync(join(state, "kills.json"), JSON.stringify(stateOf(done)));

test("each part has its line, and its module", () => {
  const modules = readdirSync(new URL("parts/", import.meta.url)).map((file) => file.replace(/\.mjs$/, ""));
  assert.deepEqual(modules.toSorted(), Object.keys(PARTS).toSorted());
});

test("mistakes in the arguments are told before anything is built", (t) => {
  const copy = join(bareCopy(t), "scripts/soak");
  for (const [wrong, words] of [
    [["--round", "5"], /no option --round; see/],
    [["kills", "cut"], /no part "cut"/],
    [["../parts/cuts"], /no part/],
    [["--rounds", "0"], /--rounds takes 1 or more; see/],
    [["--rounds=0"], /--rounds takes 1 or more; see/],
    [["--rounds", "x"], /--rounds takes a number; see/],
    [["cuts", "--seed"], /--seed takes a number; see/],
    [["--report", "cuts"], /--report stands alone; see/],
  ]) {
    const { status, stderr, stdout } = run("", copy, ...wrong);
    assert.deepEqual([status, stdout], [2, ""], String(wrong));
    assert.match(stderr, words);
    assert.match(stderr, /^[^\n]+see scripts\/soak --help\n$/);
  }
});

test("how far the parts are, and the report, are told without anything that is built", (t) => {
  const copy = bareCopy(t);
  const state = folder(t);
  keep(state, 2);
  const list = run(state, join(copy, "scripts/soak"), "--list");
  assert.equal(list.status, 0, list.stderr);
  assert.match(list.stdout, /^kills +2 of 100 .*$/m);
  assert.match(list.stdout, /^cuts +0 of 100 .*$/m);

  const document = () => readFileSync(join(copy, "docs/faults.md"), "utf8").split("\n");
  const before = document();
  const report = run(state, join(copy, "scripts/soak"), "--report");
  assert.equal(report.status, 0, report.stderr);
  const changed = document().filter((line, number) => line !== before[number]);
  assert.deepEqual(changed, [`| kills | ${PARTS.kills.title} | 2026-01-02, seed 7, 2 min, one | 2 of 100 rounds: kills 4,000 |`]);
});

test("a part that is done is not done again", (t) => {
  const state = folder(t);
  keep(state, 2);
  const { status, stdout, stderr } = run(state, process.execPath, soak, "kills", "--rounds", "2");
  assert.equal(status, 0, stderr);
  assert.match(stdout, /\n {2}was done before, on 2026-01-02 with seed 7; --afresh begins it again\n {2}✓ kills 4,000\n1 passed, 0 failed\n$/);
});

for (const [options, words, left] of [
  [[], /\(seed 7\)\n {2}goes on behind round 1 of 100\nStopped; the same command goes on where it was\.\n/, ["kills.json"]],
  [["--afresh"], /\nStopped; the same command without --afresh goes on where it was\.\n/, []],
]) {
  test(`Ctrl-C ends it, and leaves nothing behind${options.map((option) => ` (${option})`).join("")}`, { timeout: 20_000 }, async (t) => {
    const state = folder(t);
    const temporary = folder(t);
    keep(state, 1);
    const env = { ...process.env, TARTA_SOAK_STATE: state, TMPDIR: temporary };
    const child = spawn(process.execPath, [soak, "kills", ...options], { env, stdio: ["ignore", "pipe", "pipe"] });
    let told = "";
    for (const output of [child.stdout, child.stderr]) output.setEncoding("utf8").on("data", (text) => (told += text));
    const ended = once(child, "close"); // when those that it has started are gone, too: they have its stderr
    while (readdirSync(temporary).length === 0 && child.exitCode === null) await pause(20); // until the round has its folder
    await pause(200);
    child.kill("SIGINT");
    assert.deepEqual(await ended, [130, null], told);
    assert.match(told, words);
    assert.match(told, /\n0 passed, 0 failed\n$/);
    assert.deepEqual(readdirSync(temporary), []);
    assert.deepEqual(readdirSync(state), left);
  });
}

test("the report has the rows of what was run, and leaves the others", (t) => {
  const file = join(folder(t), "report.md");
  writeFileSync(file, "Before\n<!-- figures: made by scripts/soak --report -->\nold\n\n| a | old a | x | 1 |\n| b | old b | x | 2 |\n<!-- end of figures -->\nAfter\n");
  const part = (title) => ({ title, rounds: 4 });
  writeReport([{ name: "a", part: part("new a"), state: stateOf(2) }, { name: "b", part: part("new b") }, { name: "c", part: part("new c") }], file);
  const text = readFileSync(file, "utf8");
  assert.deepEqual(text.match(/^\| [abc] .*$/gm), [
    "| a | new a | 2026-01-02, seed 7, 2 min, one | 2 of 4 rounds: kills 4,000 |",
    "| b | old b | x | 2 |",
    "| c | new c | not run | – |",
  ]);
  assert.match(text, /^Before\n[^]*After\n$/);
});
