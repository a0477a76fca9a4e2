// How many instructions the core takes for a message stays what tests/limits.json says. README.md says what is counted.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = new URL("../../", import.meta.url);
const { gcc, slack, perMessage } = JSON.parse(readFileSync(new URL("tests/limits.json", root), "utf8")).instructions;
const MESSAGES = 10_000; // of each part

/** The instructions of each part, by name. */
function count() {
  const folder = mkdtempSync(join(tmpdir(), "tarta-instructions-"));
  try {
    const program = fileURLToPath(new URL("build/measure/bin/instructions", root));
    const options = ["--tool=callgrind", "--quiet", "--collect-atstart=no", `--callgrind-out-file=${join(folder, "part")}`];
    execFileSync("valgrind", [...options, program], { stdio: ["ignore", "ignore", "pipe"] });
    const parts = new Map();
    for (const file of readdirSync(folder)) {
      const text = readFileSync(join(folder, file), "utf8");
      const name = /^desc: Trigger: Client Request: (.*)$/m.exec(text)?.[1];
      if (name) parts.set(name, Number(/^totals: (\d+)$/m.exec(text)[1]));
    }
    return parts;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const found = Number.parseInt(execFileSync("g++", ["-dumpversion"], { encoding: "utf8" }));
// Another compiler makes other code of the same source: only what is far off tells something.
const most = found === gcc ? slack.same : slack.other;
const parts = count();

test("the parts are those of tests/limits.json", () => {
  assert.deepEqual([...parts.keys()].toSorted(), Object.keys(perMessage).toSorted());
});

for (const [name, limit] of Object.entries(perMessage)) {
  test(`instructions: ${name}`, (t) => {
    const each = parts.get(name) / MESSAGES;
    const told = `${name}: ${each.toFixed(1)} instructions per message, ${limit} ± ${most * 100} % by tests/limits.json (g++ ${found})`;
    t.diagnostic(told);
    assert.ok(each <= limit * (1 + most), `${told}: it has become slower`);
    assert.ok(each >= limit * (1 - most), `${told}: it has become quicker; write that down, so that it stays`);
  });
}
