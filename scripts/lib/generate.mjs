// Makes the TypeScript tables of web/src/generated from core/*.def; scripts/generate runs it.
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");
const OUTPUT = join(ROOT, "web/src/generated");

const USAGE = `Usage: scripts/generate [--check]

Makes what follows from the tables core/*.def: the TypeScript constants and types in web/src/generated.

  --check  write nothing; exit with 1 if anything would change
`;

// ---- reading the tables ----

/** The rows `MACRO(a, b, "c")` of a table, each an array of its arguments as strings. */
function table(name, macro) {
  const text = readFileSync(join(ROOT, "core", `${name}.def`), "utf8").replace(/^\s*\/\/.*$/gm, "");
  const rows = [];
  for (const [, arguments_] of text.matchAll(new RegExp(`^${macro}\\((.*)\\)\\s*$`, "gm"))) {
    const cells = arguments_.match(/"(?:[^"\\]|\\.)*"|[^,\s][^,]*/g) ?? [];
    rows.push(cells.map((cell) => (cell.startsWith('"') ? JSON.parse(cell) : cell.trim())));
  }
  if (rows.length === 0) throw new Error(`core/${name}.def has no row ${macro}(…)`);
  return rows;
}

const sentence = (text) => text.replace(/^(?!ms )./, (letter) => letter.toUpperCase()) + (/[.…]$/.test(text) ? "" : ".");
const hex = (text) => `0x${Number(text).toString(16).toUpperCase().padStart(2, "0")}`;
const comment = (text, indent = "") => `${indent}/** ${sentence(text)} */\n`;

// ---- one function for each file ----

function options() {
  const list = (rows, meaning) =>
    rows.map((row, number) => comment(meaning(row), "  ") + `  ${row[1]} = ${number},\n`).join("");
  return `/** Options that are numbers. */
export const enum NumberOption {
${list(table("option", "TARTA_NUMBER"), ([, , value, meaning]) => `${meaning} [core default: ${value}]`)}}

/** Options that are bytes or text; absent until set. */
export const enum BytesOption {
${list(table("option", "TARTA_BYTES"), ([, , meaning]) => meaning)}}
`;
}

function events() {
  const camel = (name) => name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
  const rows = table("event", "TARTA_EVENT").map(
    ([number, name, words, meaning]) => `  /** ${sentence(meaning)} Words: ${words.replace(/[^…]$/, "$&.")} */\n  ${camel(name)} = ${number},\n`,
  );
  return `/** The kinds of records that the core hands out: the low byte of a record's first word. */
export const enum Kind {
${rows.join("")}}
`;
}

const PACKETS = ["WILL", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE", "SUBACK",
  "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH"];

const FORMS = {
  byte: ["number", "one byte"],
  two_byte: ["number", "0 to 65,535"],
  four_byte: ["number", "0 to 4,294,967,295"],
  variable: ["number", "1 to 268,435,455"],
  text: ["string", "UTF-8, at most 65,535 bytes"],
  data: ["Uint8Array", "at most 65,535 bytes"],
  pair: ["[name: string, value: string]", "in order, names may stand more than once"],
};

const spaced = (name) => name.replaceAll("_", " ").replace(/\b[a-z]/g, (letter) => letter.toUpperCase()).replace("Qos", "QoS");

function properties() {
  const rows = table("property", "TARTA_PROPERTY").map(([identifier, name, camelName, form, rule, packets]) => ({
    identifier, name, camelName, form, rule, packets: packets.split("|").map((packet) => packet.trim()),
  }));
  for (const { name, packets } of rows) {
    const unknown = packets.find((packet) => !PACKETS.includes(packet));
    if (unknown) throw new Error(`core/property.def: ${name} names the packet ${unknown}`);
  }
  const type = ({ form, rule }) => {
    const one = FORMS[form][0];
    // The forms tell the client what repeats: pairs, always as a list; and Subscription Identifiers, when there are several.
    if ((rule === "repeat") !== (form === "pair") || (rule === "nonzero_repeat") !== (form === "variable")) {
      throw new Error("core/property.def: the client takes pairs and variable integers for what may stand more than once");
    }
    if (rule === "repeat") return `readonly ${one}[]`;
    return rule === "nonzero_repeat" ? `${one} | readonly ${one}[]` : one;
  };
  const explained = ({ identifier, name, form, rule }) => {
    const range = rule === "boolean" ? "0 or 1" : rule === "nonzero" || rule === "alias" ? FORMS[form][1].replace(/^0/, "1") : FORMS[form][1];
    return `  /** ${spaced(name)} (${hex(identifier)}): ${range}. */\n`;
  };
  const fields = rows.map((row) => `${explained(row)}  ${row.camelName}?: ${type(row)};\n`).join("");
  const picks = PACKETS.filter((packet) => rows.some((row) => row.packets.includes(packet))).map((packet) => {
    const name = packet === "WILL" ? "Will" : packet[0] + packet.slice(1).toLowerCase();
    const keys = rows.filter((row) => row.packets.includes(packet)).map((row) => `  | "${row.camelName}"`);
    return `/** The properties that ${packet === "WILL" ? "a Will" : packet} may bear. */\n`
      + `export type ${name}Properties = Pick<Properties,\n${keys.join("\n")}\n>;\n`;
  });
  const forms = Object.keys(FORMS);
  const data = rows.map(({ identifier, camelName, form }) => `  [${hex(identifier)}, "${camelName}", ${forms.indexOf(form)}],\n`);
  return `/** The properties of MQTT 5.0 (§2.2.2.2), by their names in the specification. */
export interface Properties {
${fields}}

${picks.join("\n")}
/** How a property's value is written. */
export const enum Form {
${forms.map((form, number) => `  ${form.replace(/_(.)/, (_, letter) => letter.toUpperCase())} = ${number},\n`).join("")}}

/** identifier, name, form; which packets may bear a property, and some values, are the core's to check */
export const PROPERTIES: readonly (readonly [number, keyof Properties, Form])[] = [
${data.join("")}];
`;
}

// Texts are one string each, with "|" between them: that is the smallest form in a bundle.
const joined = (texts) => {
  if (texts.some((text) => text.includes("|"))) throw new Error('a text must not contain "|"');
  return `\n  ${texts.map((text, index) => JSON.stringify(index < texts.length - 1 ? `${text}|` : text)).join(" +\n  ")}`;
};

function reasons() {
  const rows = table("reason", "TARTA_REASON").map(([code, , text, packets]) => [Number(code), text, packets]);
  const refusals = rows.filter(([code]) => code >= 0x80);
  if (refusals.some(([code], index) => code !== 0x80 + index)) throw new Error("core/reason.def: codes from 0x80 on must have no gap");
  return `/** The names of the reason codes (5.0 §2.4) from 0x80 on, those of failures, with "|" between them. */
export const REFUSALS =${joined(refusals.map(([, text]) => text))};

/** Those with which a message may be refused: the codes of PUBACK (5.0 §3.4.2.1). */
export const MESSAGE_REFUSALS: readonly number[] = [${refusals.filter(([, , packets]) => /\bPUBACK\b/.test(packets)).map(([code]) => hex(code)).join(", ")}];
`;
}

function errors() {
  const core = table("error", "TARTA_ERROR");
  const host = table("error", "TARTA_HOST_ERROR");
  const union = [...core.slice(1), ...host].map(([, code, meaning]) => `  /** ${sentence(meaning)} */\n  | "${code}"\n`);
  // Messages say the code in words, and what a meaning adds after a semicolon.
  const hint = ([, code, meaning]) => [code, ...meaning.split("; ").slice(1)].join("=");
  return `/** Every way in which something can fail. */
export type ErrorCode =
${union.join("").trimEnd()};

/** \`code=meaning\` from the core's number 1 on, with "|" between them; those that the core does not know come last. */
export const ERRORS =${joined([...core.slice(1), ...host].map(hint))};
`;
}

function faults() {
  // Most reason codes say themselves what is wrong; these two do not.
  const vague = ["malformed_packet", "protocol_error"];
  const names = table("fault", "TARTA_FAULT").map(([name, reason]) => (vague.includes(reason) ? name.replaceAll("_", " ") : ""));
  return `/** What can be wrong with a received packet, by the core's number, with "|" between them; empty where the reason code says it. */
export const FAULTS =${joined(names)};
`;
}

function fields() {
  const rows = table("field", "TARTA_FIELD");
  const types = { number: "number", flag: "boolean", text: "string", data: "Uint8Array", properties: "Properties", codes: "number[]" };
  return `import type { Properties } from "./properties.js";

/** How the value of a field is given. */
export type FieldForm = ${[...new Set(rows.map(([, , form]) => `"${form}"`))].join(" | ")};

/** The fields of a packet as inspection shows them, by the core's number: name and form. */
export const FIELDS: readonly (readonly [name: keyof PacketFields | "filter" | "options", form: FieldForm])[] = [
${rows.map(([, name, form]) => `  ["${name}", "${form}"],\n`).join("")}];

/** What packets bear, each some of it. */
export interface PacketFields {
${rows.flatMap(([, name, form]) => (types[form] && name !== "options" ? `  ${name}?: ${types[form]};\n` : [])).join("")}  /** Of SUBSCRIBE, with their options bytes. */
  subscriptions?: { filter: string; options: number }[];
  /** Of UNSUBSCRIBE. */
  filters?: string[];
}
`;
}

// ---- writing ----

const SOURCES = { options: [options, "option"], events: [events, "event"], properties: [properties, "property"],
  reasons: [reasons, "reason"], errors: [errors, "error"], faults: [faults, "fault"], fields: [fields, "field"] };

function main(args) {
  if (args.includes("--help") || args.includes("-h")) return void process.stdout.write(USAGE);
  if (args.some((argument) => argument !== "--check")) {
    process.stderr.write(USAGE);
    process.exit(2);
  }
  const check = args.includes("--check");
  const made = new Map();
  for (const [name, [make, source]] of Object.entries(SOURCES)) {
    made.set(`${name}.ts`, `// Made by scripts/generate from core/${source}.def: a change goes there.\n\n${make()}`);
  }
  const present = existsSync(OUTPUT) ? readdirSync(OUTPUT) : [];
  const stale = present.filter((name) => !made.has(name));
  const changed = [...made].filter(([name, text]) => !present.includes(name) || readFileSync(join(OUTPUT, name), "utf8") !== text);
  for (const name of [...changed.map(([name]) => name), ...stale]) {
    console.log(`${check ? "would change" : "changed"}: ${relative(ROOT, join(OUTPUT, name))}`);
  }
  if (check) process.exit(changed.length + stale.length > 0 ? 1 : 0);
  mkdirSync(OUTPUT, { recursive: true });
  for (const [name, text] of changed) writeFileSync(join(OUTPUT, name), text);
  for (const name of stale) rmSync(join(OUTPUT, name));
}

main(process.argv.slice(2));
