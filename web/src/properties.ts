import { Form, PROPERTIES, Packet, Rule, type Properties } from "./generated/properties.js";
import { decodeText } from "./engine/memory.js";
import { encodeText } from "./text.js";

type Row = (typeof PROPERTIES)[number];

export const NO_BYTES = /* @__PURE__ */ new Uint8Array(0);

const LARGEST = [0xff, 0xffff, 0xffffffff, 268_435_455]; // by Form, of those that are numbers

let rowsByName: Map<string, Row> | undefined;
let rowsById: (Row | undefined)[] | undefined;

/**
 * The wire form of properties (5.0 §2.2.2), without their length in front.
 *
 * @param except names that are not written: they go another way
 * @throws TypeError for a name that the packet may not bear, or a value of the wrong type; RangeError for one out of range
 */
export function encodeProperties(properties: Properties | undefined, packet: Packet, except = ""): Uint8Array {
  if (properties === undefined) return NO_BYTES;
  rowsByName ??= new Map(PROPERTIES.map((row) => [row[1], row]));
  const writer = new Writer();
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || name === except) continue;
    const row = rowsByName.get(name);
    if (!row || !(row[4] & (1 << packet))) throw new TypeError(`"${name}" is no property of this packet`);
    const repeats = (row[3] & Rule.repeat) !== 0 && Array.isArray(value);
    for (const one of repeats ? (value as unknown[]) : [value]) {
      writer.number(row[0], 1);
      writeValue(writer, row, one);
    }
  }
  return writer.done();
}

function writeValue(writer: Writer, [, name, form, rules]: Row, value: unknown): void {
  switch (form) {
    case Form.text:
      return writer.text(name, value);
    case Form.data:
      return writer.data(name, value);
    case Form.pair: {
      if (!Array.isArray(value) || value.length !== 2) throw new TypeError(`${name} must be [name, value] pairs`);
      writer.text(name, value[0]);
      return writer.text(name, value[1]);
    }
  }
  const largest = rules & Rule.boolean ? 1 : LARGEST[form]!;
  const number = checkInteger(name, typeof value === "boolean" ? Number(value) : value, rules & Rule.nonzero ? 1 : 0, largest);
  if (form === Form.variable) writer.variable(number);
  else writer.number(number, 1 << form);
}

/** @throws TypeError if `value` is no number, RangeError if it is no integer in the range */
export function checkInteger(name: string, value: unknown, least: number, most: number): number {
  if (typeof value !== "number") throw new TypeError(`${name} must be a number`);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new RangeError(`${name} must be an integer from ${least} to ${most}, not ${value}`);
}

class Writer {
  #bytes = new Uint8Array(256);
  #length = 0;

  #room(size: number): number {
    const at = this.#length;
    this.#length += size;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(this.#length * 2);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    return at;
  }

  number(value: number, size: number): void {
    let at = this.#room(size);
    for (let shift = (size - 1) * 8; shift >= 0; shift -= 8) this.#bytes[at++] = value >>> shift;
  }

  /** Variable Byte Integer (5.0 §1.5.5). */
  variable(value: number): void {
    let rest = value;
    for (; rest > 0x7f; rest >>>= 7) this.number((rest & 0x7f) | 0x80, 1);
    this.number(rest, 1);
  }

  text(name: string, value: unknown): void {
    if (typeof value !== "string") throw new TypeError(`${name} must be a string`);
    if (value.includes("\0")) throw new TypeError(`${name} must not contain U+0000`); // 5.0 §1.5.4
    this.data(name, encodeText(value));
  }

  data(name: string, value: unknown): void {
    const bytes = asBytes(value);
    if (!bytes) throw new TypeError(`${name} must be bytes`);
    if (bytes.length > 0xffff) throw new RangeError(`${name} must not be longer than 65,535 bytes`);
    this.number(bytes.length, 2);
    const at = this.#room(bytes.length);
    this.#bytes.set(bytes, at);
  }

  done(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}

/** The bytes of an ArrayBuffer or of a view into one, without a copy; undefined for anything else and for a detached one. */
export function asBytes(value: unknown): Uint8Array | undefined {
  if (ArrayBuffer.isView(value)) {
    if (isDetached(value.buffer)) return undefined;
    return value instanceof Uint8Array ? value : new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  }
  const isBuffer = /^\[object (Shared)?ArrayBuffer\]$/.test(Object.prototype.toString.call(value));
  return isBuffer && !isDetached(value as ArrayBuffer) ? new Uint8Array(value as ArrayBuffer) : undefined;
}

/** A detached buffer looks empty, but no view of it can be made. */
function isDetached(buffer: ArrayBufferLike): boolean {
  if (buffer.byteLength > 0) return false;
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}

/** Properties from bytes that the core has checked. */
export function parseProperties(bytes: Uint8Array, from = 0, length = bytes.length): Properties {
  const properties: Record<string, unknown> = {};
  if (length === 0) return properties;
  if (!rowsById) {
    rowsById = [];
    for (const row of PROPERTIES) rowsById[row[0]] = row;
  }
  const end = from + length;
  let at = from;
  const number = (size: number) => {
    let value = 0;
    while (size-- > 0) value = value * 256 + bytes[at++]!;
    return value;
  };
  const data = () => {
    const size = number(2);
    at += size;
    return bytes.subarray(at - size, at);
  };
  const variable = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]!;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < end) {
    const row = rowsById[bytes[at++]!];
    if (!row) break;
    const [, name, form] = row;
    if (form === Form.pair) {
      const pair = [decodeText(data()), decodeText(data())];
      ((properties[name] ??= []) as unknown[]).push(pair);
      continue;
    }
    const value =
      form === Form.text ? decodeText(data()) : form === Form.data ? new Uint8Array(data())
      : form === Form.variable ? variable() : number(1 << form);
    const before = properties[name]; // only Subscription Identifiers repeat
    properties[name] = before === undefined ? value : ([] as unknown[]).concat(before, value);
  }
  return properties;
}
