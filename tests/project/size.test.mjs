// What is shipped stays small, and the module exports what it is meant to, no more.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { brotliCompressSync, gzipSync } from "node:zlib";

const root = new URL("../../", import.meta.url);
const limits = JSON.parse(readFileSync(new URL("tests/limits.json", root), "utf8"));
const wasm = readFileSync(new URL("build/wasm/tarta.wasm", root));

function sizes(bytes) {
  return { raw: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length, brotli: brotliCompressSync(bytes).length };
}

function checkSizes(t, bytes, most) {
  const found = sizes(bytes);
  t.diagnostic(Object.entries(found).map(([name, size]) => `${name} ${size} of ${most[name]}`).join(", "));
  for (const [name, size] of Object.entries(found)) {
    assert.ok(size <= most[name], `${name}: ${size} bytes, at most ${most[name]} are allowed (tests/limits.json)`);
  }
}

test("the module is small", (t) => checkSizes(t, wasm, limits.wasm.bytes));

test("the whole bundle, with the module inside, is small", (t) => {
  checkSizes(t, readFileSync(new URL("web/dist/tarta.mjs", root)), limits.bundle.bytes);
});

test("the build for the <script> tag is small", (t) => {
  checkSizes(t, readFileSync(new URL("web/dist/tarta.js", root)), limits.script.bytes);
});

async function checkExports(bytes, expected) {
  const module = await WebAssembly.compile(bytes);
  const exported = WebAssembly.Module.exports(module).map(({ name }) => name);
  assert.deepEqual(exported.toSorted(), expected.toSorted());
  const imported = WebAssembly.Module.imports(module).map(({ module: from, name }) => `${from}.${name}`);
  assert.deepEqual(imported, limits.wasm.imports);
}

test("the module exports what tests/limits.json lists", () => checkExports(wasm, limits.wasm.exports));
