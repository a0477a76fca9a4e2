// Dependencies run one way: core ← wasm ← web/src/engine ← client. Files can be read in one sitting.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const limits = JSON.parse(readFileSync(join(root, "tests/limits.json"), "utf8"));

const files = (folder, pattern) =>
  readdirSync(join(root, folder), { recursive: true })
    .map((file) => join(folder, file))
    .filter((file) => pattern.test(file));

const text = (file) => readFileSync(join(root, file), "utf8");

test("the core includes itself and the standard library, nothing else", () => {
  for (const file of files("core", /\.(hpp|cpp)$/)) {
    for (const [, quoted] of text(file).matchAll(/#include "([^"]+)"/g)) {
      assert.ok(existsSync(join(root, "core", quoted)), `${file} includes ${quoted}`);
    }
    for (const [, system] of text(file).matchAll(/#include <([^>]+)>/g)) {
      assert.match(system, /^[a-z_]+$/, `${file} includes <${system}>`);
      const outside = ["iostream", "fstream", "sstream", "thread", "mutex", "chrono", "random", "regex", "string", "locale"];
      assert.ok(!outside.includes(system), `${file} includes <${system}>: the core has no I/O, clock, thread or random source`);
    }
  }
});

// The folders of web/src from the bottom up; a file imports from its own level or from below.
const level = (file) => (/^web\/src\/(generated|engine)\//.test(file) ? 0 : /^web\/src\/(facades|node)\//.test(file) ? 2 : 1);

test("web/src/engine knows nothing of the client, nor the client of what is written on it", () => {
  // Plain values that both sides share.
  const shared = ["web/src/text.ts", "web/src/errors.ts", "web/src/platform.ts"];
  for (const file of files("web/src", /\.ts$/)) {
    for (const [, from] of text(file).matchAll(/from "(\.[^"]+)"/g)) {
      const target = relative(root, resolve(root, dirname(file), from)).replace(/\.js$/, ".ts");
      assert.ok(level(target) <= level(file) || shared.includes(target), `${file} imports ${target}`);
    }
  }
});

test("stores know nothing of the client, nor anything below it of stores", () => {
  const isStore = (file) => file.startsWith("web/src/stores/");
  for (const file of files("web/src", /\.ts$/)) {
    for (const [, from] of text(file).matchAll(/from "(\.[^"]+)"/g)) {
      const target = relative(root, resolve(root, dirname(file), from)).replace(/\.js$/, ".ts");
      if (isStore(file)) assert.ok(isStore(target) || target === "web/src/errors.ts", `${file} imports ${target}`);
      if (isStore(target)) assert.doesNotMatch(file, /\/(engine|generated)\/|\/(transport|connection)\.ts$/, `${file} imports ${target}`);
    }
  }
});

test("what a browser loads imports nothing of Node, and nothing from other packages", () => {
  for (const name of ["tarta.mjs", "slim.mjs", "tarta.js", "worker.mjs"]) {
    const bundle = text(join("web/dist", name));
    assert.doesNotMatch(bundle, /\bfrom\s*["']|\bimport\s*\(|\brequire\s*\(|["']node:/, name);
  }
  assert.equal(JSON.parse(text("web/package.json")).dependencies, undefined);
});

test("files can be read in one sitting", () => {
  for (const file of [...files("core", /\.(hpp|cpp)$/), ...files("wasm", /\.(h|cpp)$/), ...files("web/src", /\.ts$/)]) {
    const lines = text(file).split("\n").length;
    const most = /core\/session\.cpp$/.test(file) ? limits.sourceLines.session : limits.sourceLines.other;
    assert.ok(lines <= most, `${file} has ${lines} lines, at most ${most} are allowed (tests/limits.json)`);
  }
});

test("tests and documents can be, too", () => {
  const most = limits.sourceLines.tests;
  for (const file of [...files("tests", /\.(hpp|cpp|mjs|js|ts|md)$/), ...files("docs", /\.md$/)]) {
    if (file.includes("node_modules")) continue;
    const lines = text(file).split("\n").length;
    assert.ok(lines <= most, `${file} has ${lines} lines, at most ${most} are allowed (tests/limits.json)`);
  }
});

test("the generated files are what the tables say", () => {
  execFileSync(join(root, "scripts/generate"), ["--check"], { stdio: "pipe" });
});
