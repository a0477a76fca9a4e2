// Runs the examples of README.md, so that they stay true. An example is a fenced block behind a comment that says where
// it runs:
//
//   <!-- test: script -->   HTML, in a page of Chromium; the `src` of a script that ends in tarta….js is the build here
//   <!-- test: npm -->      a module as it stands in an application that has the package: run by Node
//   <!-- test: node -->     the same, for what only Node has
//
// `ws://localhost:9001` is the test's broker. `// prints: TEXT` (in HTML also `<!-- prints: TEXT -->`) says what has to
// appear on the console, or in the page, in this order; `…` in it stands for anything.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { guard } from "../brokers/guard.mjs";
import { startMosquitto } from "../brokers/mosquitto.mjs";
import { html, launchChromium, servePages } from "../browser/chromium.mjs";

const WITHIN = 15_000; // ms for what an example prints
const root = fileURLToPath(new URL("../..", import.meta.url));
const BROKER = "ws://localhost:9001";

/** The examples of a Markdown text: [{ kind, line, code, prints }]. */
export function readExamples(text) {
  const block = /^<!-- test: (\w+) -->\s*\n(`{3,})\w*[^\n]*\n([\s\S]*?)^\2[ \t]*$/gm;
  return [...text.matchAll(block)].map(({ 0: whole, 1: kind, 3: code, index }) => {
    const line = text.slice(0, index + whole.indexOf("```")).split("\n").length;
    const prints = [...code.matchAll(/(?:\/\/|<!--) prints: (.*?)(?: -->)?$/gm)].map((match) => match[1].trim());
    return { kind, line, code, prints };
  });
}

/** Whether the texts appear in this order. */
function appears(prints, output) {
  const escaped = prints.map((text) => text.split("…").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join(".*"));
  return new RegExp(escaped.join("[\\s\\S]*")).test(output);
}

const missing = (example, output) => `expected ${example.prints.map((text) => `"${text}"`).join(", then ")}; got:\n${output}`;

async function runInNode(example, broker) {
  const folder = mkdtempSync(join(tmpdir(), "tarta-example-"));
  try {
    mkdirSync(join(folder, "node_modules"));
    for (const [name, at] of [["tarta", "web"], ["ws", "node_modules/ws"]]) symlinkSync(join(root, at), join(folder, "node_modules", name));
    writeFileSync(join(folder, "example.mjs"), example.code.replaceAll(BROKER, broker));

    const child = spawn(process.execPath, ["example.mjs"], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
    const release = guard(child.pid);
    let output = "";
    let errors = "";
    const ended = new Promise((resolve) => child.once("close", (code) => resolve(code)));
    child.stderr.setEncoding("utf8").on("data", (text) => (errors += text));
    const complete = new Promise((resolve) => {
      child.stdout.setEncoding("utf8").on("data", (text) => {
        output += text;
        if (appears(example.prints, output)) resolve("complete");
      });
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), WITHIN);
    const outcome = await Promise.race([complete, ended]);
    clearTimeout(timer);
    child.kill(); // an example may go on listening
    await ended;
    await release();
    assert.ok(appears(example.prints, output), missing(example, output + errors));
    assert.ok(outcome === "complete" || outcome === 0, `it ended with exit code ${outcome}:\n${errors}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function runInPage(example, broker, browser) {
  const code = example.code.replaceAll(BROKER, broker).replace(/(<script[^>]*\bsrc=["'])[^"']*tarta[^"'/]*(?=["'])/g, "$1/dist/tarta.js");
  const pages = await servePages({ "/dist/": join(root, "web/dist"), "/": html(code) });
  const page = await browser.newPage();
  try {
    let logged = "";
    const problems = [];
    page.on("console", (message) => (logged += `${message.text()}\n`));
    page.on("pageerror", (error) => problems.push(error.message));
    await page.goto(`${pages.url}/`);
    const output = async () => `${logged}${await page.evaluate(() => document.body.innerText)}`;
    const deadline = Date.now() + WITHIN;
    while (!appears(example.prints, await output()) && problems.length === 0 && Date.now() < deadline) await page.waitForTimeout(50);
    assert.deepEqual(problems, []);
    assert.ok(appears(example.prints, await output()), missing(example, await output()));
  } finally {
    await page.close();
    await pages.stop();
  }
}

test("examples are found in a text", () => {
  const text = "# T\n\n<!-- test: npm -->\n```js\na(); // prints: 1 …\n// prints: two\n```\n\n```js\nnot();\n```\n<!-- test: script -->\n\n```html\n<b></b>\n<!-- prints: b -->\n```\n";
  assert.deepEqual(readExamples(text), [
    { kind: "npm", line: 4, code: "a(); // prints: 1 …\n// prints: two\n", prints: ["1 …", "two"] },
    { kind: "script", line: 14, code: "<b></b>\n<!-- prints: b -->\n", prints: ["b"] },
  ]);
  assert.ok(appears(["a.c…", "e"], "x\na.cd\ne\n"));
  assert.ok(!appears(["e", "a"], "a\ne\n"));
});

describe("README.md", () => {
  const readme = join(root, "README.md");
  const examples = existsSync(readme) ? readExamples(readFileSync(readme, "utf8")) : [];

  let browser;
  let broker;
  before(async () => {
    [browser, broker] = await Promise.all([launchChromium(), startMosquitto()]);
  });
  after(() => Promise.all([browser?.close(), broker?.stop()]));

  test("has an example for each place, and each says what it prints", () => {
    for (const kind of ["script", "npm", "node"]) assert.ok(examples.some((example) => example.kind === kind), `no example for ${kind}`);
    for (const { line, prints } of examples) assert.ok(prints.length > 0, `the example of line ${line} does not say what it prints`);
  });

  for (const example of examples) {
    test(`line ${example.line} (${example.kind})`, () =>
      example.kind === "script" ? runInPage(example, broker.front.url, browser) : runInNode(example, broker.front.url));
  }
});
