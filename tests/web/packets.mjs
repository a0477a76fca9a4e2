// Packets for tests: the wire vectors of tests/vectors, the tables of core/, and the inspector of the WebAssembly module.
//
// Nothing here comes from web/src, so that a mistake there is not repeated here. The form of a packet as an object is
// that of tests/vectors/README.md; the form of a described packet that of core/field.def.

import { readFileSync, readdirSync } from "node:fs";

const root = new URL("../../", import.meta.url);

// --- tables ---------------------------------------------------------------------------------------------------------

/** The rows of a table of core/, each a list of its arguments: `table("fault.def", "TARTA_FAULT")`. */
export function table(file, macro) {
  const rows = [];
  for (const line of readFileSync(new URL(`core/${file}`, root), "utf8").split("\n")) {
    if (!line.startsWith(`${macro}(`)) continue;
    const inner = line.slice(macro.length + 1, line.lastIndexOf(")"));
    rows.push([...inner.matchAll(/"([^"]*)"|[^,\s][^,]*/g)].map((part) => part[1] ?? part[0].trim()));
  }
  return rows;
}

/** Names in the order of a table, so that an index is the number the core uses. */
export const faults = table("fault.def", "TARTA_FAULT").map(([name]) => name);
export const errors = table("error.def", "TARTA_ERROR").map(([name]) => name);
export const options = table("option.def", "TARTA_NUMBER").map(([name]) => name);

/** The error that a fault of the peer becomes: its reason code, where an error has that name. */
export const errorOfFault = Object.fromEntries(
  table("fault.def", "TARTA_FAULT").map(([name, reason]) => [name, errors.includes(reason) ? reason : "protocol_error"]),
);

const fields = table("field.def", "TARTA_FIELD").map(([, name, form]) => ({ name, form }));
const properties = new Map(
  table("property.def", "TARTA_PROPERTY").map(([id, , name, type, rule]) => [Number(id), { name, type, repeats: rule.includes("repeat") }]),
);
const types = ["", "connect", "connack", "publish", "puback", "pubrec", "pubrel", "pubcomp", "subscribe", "suback",
  "unsubscribe", "unsuback", "pingreq", "pingresp", "disconnect", "auth"];

// --- bytes ----------------------------------------------------------------------------------------------------------

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Bytes as the vectors write data: upper-case hexadecimal digits without spaces. */
export const hex = (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex").toUpperCase();

/** `"20 03 41*300"` as bytes. */
export function bytesOf(text) {
  return new Uint8Array(Buffer.concat(text.split(" ").map((part) => {
    const [, byte, count] = /^([0-9A-F]{2})(?:\*(\d+))?$/.exec(part) ?? [];
    if (byte === undefined) throw new SyntaxError(`not a byte: ${part}`);
    return Buffer.alloc(Number(count ?? 1), parseInt(byte, 16));
  })));
}

/** A packet of a vector with each `{ "repeat": [what, times] }` written out. */
export function expand(value) {
  if (Array.isArray(value)) return value.map(expand);
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value.repeat)) return value.repeat[0].repeat(value.repeat[1]);
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, expand(inner)]));
}

/** All vectors, or those of one file: `[{ file, name, versions, from, bytes, packet | fault, … }]`. */
export function vectors(only) {
  const directory = new URL("tests/vectors/", root);
  return readdirSync(directory).filter((file) => file.endsWith(".json") && (!only || file === `${only}.json`)).sort()
    .flatMap((file) => JSON.parse(readFileSync(new URL(file, directory), "utf8")).vectors.map((vector) =>
      ({ ...vector, file, bytes: bytesOf(vector.bytes), ...(vector.packet && { packet: expand(vector.packet) }) })));
}

/** Property bytes without their length prefix as an object: 5.0 §2.2.2. They are well-formed, or this throws. */
export function parseProperties(bytes) {
  const result = {};
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const take = (count) => {
    if (at + count > bytes.length) throw new RangeError("properties end inside a value");
    at += count;
    return at - count;
  };
  const variable = () => {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = bytes[take(1)];
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
    throw new RangeError("a variable byte integer of more than four bytes");
  };
  const data = () => {
    const length = view.getUint16(take(2));
    const start = take(length);
    return bytes.subarray(start, start + length);
  };
  const read = {
    byte: () => bytes[take(1)],
    two_byte: () => view.getUint16(take(2)),
    four_byte: () => view.getUint32(take(4)),
    variable,
    text: () => utf8.decode(data()),
    data: () => hex(data()),
    pair: () => [utf8.decode(data()), utf8.decode(data())],
  };
  while (at < bytes.length) {
    const id = variable();
    const property = properties.get(id);
    if (!property) throw new RangeError(`property ${id}`);
    const { name, type, repeats } = property;
    const value = read[type]();
    if (repeats) (result[name] ??= []).push(value);
    else if (name in result) throw new RangeError(`${name} twice`);
    else result[name] = value;
  }
  return result;
}

/** A described packet (core/field.def) as an object; `input` is what its offsets count in. */
export function packetOf(words, input) {
  const packet = { type: types[words[0]] };
  for (let i = 1; i < words.length; i += 3) {
    const field = fields[words[i]];
    if (!field) throw new RangeError(`field ${words[i]}`);
    const { name, form } = field;
    const [a, b] = [words[i + 1], words[i + 2]];
    if (form !== "number" && form !== "flag" && a + b > input.length) throw new RangeError(`${name} lies outside of the input`);
    const bytes = () => input.subarray(a, a + b);
    if (form === "filter") {
      const filter = utf8.decode(bytes());
      if (packet.type === "subscribe") (packet.subscriptions ??= []).push({ filter });
      else (packet.filters ??= []).push(filter);
    } else if (name === "options") packet.subscriptions.at(-1).options = a;
    else if (name in packet) throw new RangeError(`${name} twice`);
    else if (form === "number") packet[name] = a;
    else if (form === "flag") packet[name] = a !== 0;
    else if (form === "text") packet[name] = utf8.decode(bytes());
    else if (form === "data") packet[name] = hex(bytes());
    else if (form === "codes") packet[name] = [...bytes()];
    else if (form === "properties") packet[name] = parseProperties(bytes());
    else throw new TypeError(`the form ${form}`);
  }
  return packet;
}

// --- the module -----------------------------------------------------------------------------------------------------

/** The functions and the memory of a compiled core; its imports do nothing. */
export function instantiate(path = new URL("build/wasm/tarta.wasm", root)) {
  const module = new WebAssembly.Module(readFileSync(path));
  const imports = {};
  for (const { module: from, name } of WebAssembly.Module.imports(module)) (imports[from] ??= {})[name] = () => 0;
  const { exports } = new WebAssembly.Instance(module, imports);
  exports._initialize?.();
  return exports;
}

/** Asks `inspect` of wasm/tarta.h what bytes mean. */
export class Inspector {
  #core;
  #session;
  #status;

  constructor(core = instantiate()) {
    this.#core = core;
    this.#session = core.create(1, 2);
    if (!this.#session) throw new Error("no session");
    this.#status = core.status_of(this.#session) >>> 2;
  }

  set maximumPacketSize(bytes) {
    const error = this.#core.set_number(this.#session, options.indexOf("maximum_packet_size"), bytes);
    if (error) throw new Error(errors[error]);
  }

  destroy() {
    this.#core.destroy(this.#session);
  }

  /** `{ packet, size }`, `{ fault, error }` or `{ unfinished: true }`; `version` 3, 4, 5, `from` "server" or "client". */
  inspect(input, version, from) {
    const area = this.#core.scratch(this.#session, input.length) >>> 0;
    if (!area && input.length) throw new Error("no memory");
    new Uint8Array(this.#core.memory.buffer).set(input, area);
    const size = this.#core.inspect(this.#session, input.length, version, from === "client" ? 1 : 0) >>> 0;
    const memory = new Uint32Array(this.#core.memory.buffer);
    const [records, count, , , error] = memory.subarray(this.#status, this.#status + 5);
    const words = memory.slice(records >>> 2, (records >>> 2) + count);
    if (size) return { packet: packetOf(words, input), size };
    if (!error) return count ? { unexpected: [...words] } : { unfinished: true };
    return { fault: count === 1 ? faults[words[0]] : [...words], error: errors[error] };
  }
}
