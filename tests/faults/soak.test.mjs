// What scripts/soak says to those who run it, and what it writes down.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { writeReport } from "./report.mjs";

const script = fileURLToPath(new URL("../../scripts/soak", import.meta.url));
const soak = fileURLToPath(new URL("soak.mjs", import.meta.url));

function folder(t) {
  const made = mkdtempSync(join(tmpdir(), "tarta-soak-"));
  t.after(() => rmSync(made, { recursive: true }));
  return made;
}

const run = (state, ...command) => spawnSync(command[0], command.slice(1), { encoding: "utf8", env: { ...process.env, TARTA_SOAK_STATE: state } });

test("mistakes in the arguments are told before anything is built", (t) => {
  const state = folder(t);
  for (const [wrong, words] of [
    [["--round", "5"], /no option --round; see scripts\/soak --help/],
    [["cut"], /no part cut; see/],
    [["--rounds", "0"], /--rounds takes 1 or more/],
    [["--rounds", "x"], /--rounds takes a number/],
    [["cuts", "--seed"], /--seed takes a number/],
  ]) {
    const { status, stderr, stdout } = run(state, script, ...wrong);
    assert.deepEqual([status, stdout], [2, ""], String(wrong));
    assert.match(stderr, words);
  }
});

test("a part that is done is not done again, and one that is not says how far it is", (t) => {
  const state = folder(t);
  writeFileSync(join(state, "kills.json"), JSON.stringify({ seed: 7, done: 2, rounds: 2, seconds: 1, figures: { kills: 40 }, machine: "one", date: "2026-01-02" }));
  const done = run(state, process.execPath, soak, "kills", "--rounds", "2");
  assert.equal(done.status, 0, done.stderr);
  assert.match(done.stdout, /\(seed 7\)\n  was done before, on 2026-01-02; --afresh begins it again\n  ✓ kills 40\n1 passed, 0 failed\n$/);
  const list = run(state, script, "--list");
  assert.match(list.stdout, /^kills +2 of \d+ .*$/m);
  assert.match(list.stdout, /^cuts +0 of \d+ .*$/m);
});

test("the report has the rows of what was run, and leaves the others", (t) => {
  const file = join(folder(t), "report.md");
  writeFileSync(file, "Before\n<!-- figures: made by scripts/soak --report -->\nold\n\n| a | old a | x | 1 |\n| b | old b | x | 2 |\n<!-- end of figures -->\nAfter\n");
  const part = (title) => ({ title, rounds: 4 });
  const state = { seed: 7, done: 2, seconds: 61, figures: { kills: 4000 }, machine: "one", date: "2026-01-02" };
  writeReport([{ name: "a", part: part("new a"), state }, { name: "b", part: part("new b") }, { name: "c", part: part("new c") }], file);
  const text = readFileSync(file, "utf8");
  assert.deepEqual(text.match(/^\| [abc] .*$/gm), [
    "| a | new a | 2026-01-02, seed 7, 2 min, one | 2 of 4 rounds: kills 4,000 |",
    "| b | old b | x | 2 |",
    "| c | new c | not run | |",
  ]);
  assert.match(text, /^Before\n[^]*After\n$/);
});
