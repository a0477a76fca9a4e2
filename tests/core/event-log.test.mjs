// The core does the same natively and as WebAssembly: the native tests that hold conversations (session scripts, random
// ones over the C ABI) run as both, and the digests of all that was told and sent are equal.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const build = fileURLToPath(new URL("../../build/", import.meta.url));
const files = "*session_scripts_test.cpp,*abi_random_test.cpp,*durable_random_test.cpp";

function run(program, ...first) {
  const output = execFileSync(program, [...first, `--source-file=${files}`], { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  const [, words, digest] = /^event log: (\d+) words, digest (\w+)$/m.exec(output);
  const [, cases] = /test cases: +(\d+)/.exec(output);
  return { cases: Number(cases), words: Number(words), digest };
}

test("native and wasm give the same event log", (t) => {
  const native = run(`${build}native/tests/core-tests`);
  const wasm = run(process.execPath, `${build}wasm/conversations.cjs`);
  t.diagnostic(`${native.cases} test cases, ${native.words} words, digest ${native.digest}`);
  assert.ok(native.cases >= 3 && native.words > 1e6);
  assert.deepEqual(wasm, native);
});
