// Which test shows which statement of the specification, from the `Statements:` tags of the tests (README.md beside this).
// Run as a program it prints the map: `node tests/conformance/map.mjs [5.0 | 3.1.1 | scenarios | classes] [--gaps]`.

import { readFileSync, readdirSync } from "node:fs";
import { pathToFileURL } from "node:url";

const tests = new URL("../", import.meta.url);
const data = (name) => JSON.parse(readFileSync(new URL(name, import.meta.url), "utf8"));

const statements = data("statements.json");
const numbered = (rows, text) => rows.map((row, index) => ({ id: String(index + 1), text: text(row) }));

/** What must be shown, in its order: four kinds, each a list of { id, text }. */
export const needed = {
  "5.0": statements["5.0"],
  "3.1.1": statements["3.1.1"],
  scenarios: numbered(data("scenarios.json"), ({ given, expect }) => `${given}: ${expect}`),
  classes: numbered(data("classes.json"), (row) => `${row.class}: ${row.client}`),
};

/** What no test can show, by kind and id, with the reason. */
export const untestable = data("untestable.json");

/** "5.0 MQTT-3.2.2-4, MQTT-3.2.2-5; scenarios 3" as a list of { kind, id }. */
export function parseTag(text) {
  return text.split(";").flatMap((part) => {
    const [, kind, ids] = /^\s*(\S+)\s+(\S.*)$/.exec(part) ?? [];
    if (!ids) throw new Error(`not a list of statements: "${text}"`);
    return ids.split(",").map((id) => ({ kind, id: id.trim() }));
  });
}

// In a Markdown script: below the heading, outside the code block.
function* tagsOfScript(text) {
  let heading;
  let inCode = false;
  for (const line of text.split("\n")) {
    if (line.startsWith("```")) inCode = !inCode;
    else if (line.startsWith("## ")) heading = line.slice(3);
    else if (!inCode && line.startsWith("Statements: ")) yield { test: heading, tag: line.slice("Statements: ".length) };
  }
}

// In C++ and JavaScript: a comment directly above the line that names the test.
function* tagsOfCode(text) {
  let waiting = [];
  for (const line of text.split("\n")) {
    const tag = /^\s*\/\/ Statements: (.*)$/.exec(line)?.[1];
    if (tag) {
      waiting.push(tag);
    } else if (waiting.length > 0) {
      const test = /(?:TEST_CASE\w*\(|\btest\(|\bname: )\s*(["'`])(.*?)\1/.exec(line)?.[2];
      for (const one of waiting) yield { test, tag: one };
      waiting = [];
    }
  }
}

function* tagsOfVectors(text) {
  for (const { name, statements: tag } of JSON.parse(text).vectors) if (tag) yield { test: name, tag };
}

const readers = [
  [/^sessions\/.*\.md$/, tagsOfScript],
  [/^vectors\/.*\.json$/, tagsOfVectors],
  [/^(core|web|brokers|browser|demo|project)\/.*\.(cpp|mjs)$/, tagsOfCode],
];

/** Every tag: a list of { file, test, kind, id }; `test` is undefined where a tag stands above no test. */
export function readTags() {
  const files = readdirSync(tests, { recursive: true }).map((file) => file.replaceAll("\\", "/")).sort();
  return files.flatMap((file) => {
    const read = readers.find(([pattern]) => pattern.test(file))?.[1];
    if (!read) return [];
    const text = readFileSync(new URL(file, tests), "utf8");
    return [...read(text)].flatMap(({ test, tag }) => parseTag(tag).map((one) => ({ file: `tests/${file}`, test, ...one })));
  });
}

/** The needed statements of a kind, each with its tests ("file: name") and the reason why it has none. */
export function mapOf(kind, tags = readTags()) {
  return needed[kind].map(({ id, text }) => ({
    id,
    text,
    tests: tags.filter((tag) => tag.kind === kind && tag.id === id).map(({ file, test }) => `${file}: ${test}`),
    reason: untestable[kind]?.[id],
  }));
}

/** Counts of a map in one line. */
export function summary(kind, rows) {
  const tested = rows.filter((row) => row.tests.length > 0).length;
  const reasons = rows.filter((row) => row.tests.length === 0 && row.reason).length;
  return `${kind}: ${tested} of ${rows.length} tested, ${reasons} not testable, ${rows.length - tested - reasons} open`;
}

function print(kind, onlyGaps) {
  const rows = mapOf(kind);
  console.log(`\n${summary(kind, rows)}\n`);
  for (const { id, text, tests: shown, reason } of rows) {
    if (onlyGaps && (shown.length > 0 || reason)) continue;
    console.log(`${id.padEnd(14)} ${text}`);
    for (const test of shown) console.log(`${" ".repeat(15)}✓ ${test}`);
    if (reason) console.log(`${" ".repeat(15)}not testable: ${reason}`);
    if (shown.length === 0 && !reason) console.log(`${" ".repeat(15)}✗ no test`);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const given = process.argv.slice(2);
  const kinds = given.filter((word) => word in needed);
  for (const kind of kinds.length > 0 ? kinds : Object.keys(needed)) print(kind, given.includes("--gaps"));
}
