import { Form, PROPERTIES, Packet, Rule, type Properties } from "./generated/properties.js";
import { decodeText } from "./engine/memory.js";
import { encodeText } from "./text.js";

type Row = (typeof PROPERTIES)[number];

export const NO_BYTES = /* @__PURE__ */ new Uint8Array(0);

const LARGEST = [0xff, 0xffff, 0xffffffff, 268_435_455]; // by Form, of those that are numbers

let rowsByName: Map<string, Row> | undefined;
let rowsById: (Row | undefined)[] | undefined;

/** @throws TypeError if `value` is no number, RangeError if it is no integer in the range */
export function checkInteger(name: string, value: unknown, least: number, most: number): number {
  if (typeof value !== "number") throw new TypeError(`${name} must be a number`);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new RangeError(`${name} must be an integer from ${least} to ${most}, not ${value}`);
}

/**
 * The bytes of a text, an ArrayBuffer or a view of one, without a copy; those of a text are good until the next is encoded.
 *
 * @throws TypeError for anything else, and for a detached buffer
 */
export function toBytes(name: string, value: unknown): Uint8Array<ArrayBuffer> {
  if (typeof value === "string") return encodeText(value);
  // That of a detached buffer throws a TypeError.
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer as ArrayBuffer, value.byteOffset, value.byteLength);
  if (/^\[object (Shared)?ArrayBuffer\]$/.test(Object.prototype.toString.call(value))) return new Uint8Array(value as ArrayBuffer);
  throw new TypeError(`${name} must be a string or binary`);
}

/**
 * The wire form of properties (5.0 §2.2.2), without their length in front.
 *
 * @param except a name that is not written: it goes another way
 * @throws TypeError for a name that the packet may not bear, or a value of the wrong type; RangeError for one out of range
 */
export function encodeProperties(properties: Properties = {}, packet: Packet, except = ""): Uint8Array {
  const bytes: number[] = [];
  const number = (value: number, size: number) => {
    for (let shift = size * 8; shift > 0; ) bytes.push((value >>> (shift -= 8)) & 0xff);
  };
  const data = (name: string, value: unknown, form: Form) => {
    if ((typeof value === "string") !== (form !== Form.data)) throw new TypeError(`${name} must be ${form === Form.data ? "binary" : "a string"}`);
    const content = toBytes(name, value);
    if (content.length > 0xffff) throw new RangeError(`${name} must not be longer than 65,535 bytes`);
    if (form !== Form.data && content.includes(0)) throw new TypeError(`${name} must not contain U+0000`); // 5.0 §1.5.4
    number(content.length, 2);
    for (const byte of content) bytes.push(byte);
  };
  for (const [name, values] of Object.entries(properties)) {
    if (values === undefined || name === except) continue;
    const row = PROPERTIES.find((one) => one[1] === name);
    if (!row || !(row[4] & (1 << packet))) throw new TypeError(`"${name}" is no property of this packet`);
    const [identifier, , form, rules] = row;
    for (const value of (rules & Rule.repeat ? [values].flat() : [values]) as unknown[]) {
    }
  }
  return Uint8Array.from(bytes);
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
