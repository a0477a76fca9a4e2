import { Form, PROPERTIES, type Properties } from "./generated/properties.js";
import { decodeText } from "./engine/memory.js";
import { encodeText } from "./text.js";

export const NO_BYTES = /* @__PURE__ */ new Uint8Array(0);

const LARGEST = [0xff, 0xffff, 0xffffffff, 268_435_455]; // by Form, of those that are numbers

/** @throws TypeError if `value` is no number, RangeError if it is no integer in the range */
export function checkInteger(name: string, value: unknown, least: number, most: number): number {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return value as number;
  throw new (typeof value === "number" ? RangeError : TypeError)(`${name} must be an integer from ${least} to ${most}`);
}

/**
 * Nobody means an option that differs from one of these by capitals alone (`QoS`, `clientID`).
 *
 * @param names between spaces
 * @throws TypeError
 */
export function checkSpelling(options: object, names: string): void {
  for (const name in options) {
    const [, meant] = names.includes(` ${name} `) ? [] : (new RegExp(` (${name.replace(/\W/g, "")}) `, "i").exec(names) ?? []);
    if (meant) throw new TypeError(`there is no option "${name}", but "${meant}"`);
  }
}

/** @throws TypeError for a text with U+0000 (5.0 §1.5.4) */
export function checkText(name: string, value: unknown): void {
  if (String(value).includes("\0")) throw new TypeError(`${name} must not contain U+0000`);
}

/**
 * The bytes of a text, an ArrayBuffer or a view of one, without a copy; those of a text are good until the next is encoded.
 *
 * @throws TypeError for anything else, and for a detached buffer
 */
export function toBytes(name: string, value: unknown): Uint8Array<ArrayBuffer> {
  if (typeof value === "string") return encodeText(value);
  if (value instanceof Uint8Array && value.length > 0) return value as Uint8Array<ArrayBuffer>;
  // That of a detached buffer throws a TypeError.
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer as ArrayBuffer, value.byteOffset, value.byteLength);
  const { byteLength } = (value ?? {}) as ArrayBuffer;
  if (/ArrayBuffer]$/.test(Object.prototype.toString.call(value)) && byteLength >= 0) return new Uint8Array(value as ArrayBuffer);
  throw new TypeError(`${name} must be a string or binary`);
}

/**
 * The wire form of properties (5.0 §2.2.2), without their length in front. Which packets may bear them is the core's to
 * check.
 *
 * @param except a name that is not written: it goes another way
 * @throws TypeError for an unknown name or a value of the wrong type, RangeError for one out of range
 */
export function encodeProperties(properties: Properties | undefined, except?: string): Uint8Array {
  if (!properties) return NO_BYTES;
  const bytes: number[] = [];
  const number = (value: number, size: number) => {
    for (let shift = size * 8; shift > 0; ) bytes.push((value >>> (shift -= 8)) & 0xff);
  };
  const data = (name: string, value: unknown, form: Form) => {
    const content = toBytes(name, value);
    if ((typeof value === "string") === (form === Form.data)) throw new TypeError(`${name} is of the wrong type`);
    if (form !== Form.data) checkText(name, value);
    if (name === "responseTopic" && /^$|[+#]/.test(value as string)) throw new TypeError(`${name} is no valid topic name`); // 5.0 §3.3.2.3.5
    if (content.length > 0xffff) throw new RangeError(`${name} is longer than 65,535 bytes`);
    number(content.length, 2);
    for (const byte of content) bytes.push(byte);
  };
  for (const [name, values] of Object.entries(properties)) {
    if (values === undefined || name === except) continue;
    const row = PROPERTIES.find((one) => one[1] === name);
    if (!row) throw new TypeError(`there is no property ${name}`);
    const [identifier, , form] = row;
    for (const value of (form === Form.pair || form === Form.variable ? [values].flat() : [values]) as unknown[]) {
      bytes.push(identifier);
      if (form === Form.pair) {
        if (!Array.isArray(value) || value.length !== 2) throw new TypeError(`${name} is a list of [name, value] pairs`);
        const [key, one] = value as [string, string];
        data(name, key, form);
        data(name, one, form);
      } else if (form === Form.text || form === Form.data) {
        data(name, value, form);
      } else {
        let rest = checkInteger(name, typeof value === "boolean" ? +value : value, 0, LARGEST[form]!);
        if (form !== Form.variable) {
          number(rest, 1 << form);
          continue;
        }
        for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80); // 5.0 §1.5.5
        bytes.push(rest);
      }
    }
  }
  return Uint8Array.from(bytes);
}

/** Properties from bytes that the core has checked. */
export function parseProperties(bytes: Uint8Array): Properties {
  const properties: Record<string, unknown> = {};
  let at = 0;
  const number = (size: number) => {
    let value = 0;
    while (size-- > 0) value = value * 256 + bytes[at++]!;
    return value;
  };
  const data = () => {
    const size = number(2);
    return bytes.slice(at, (at += size));
  };
  const variable = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]!;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const text = () => decodeText(data());
  while (at < bytes.length) {
    const identifier = bytes[at++];
    const [, name, form] = PROPERTIES.find((row) => row[0] === identifier)!;
    const value = form < Form.variable ? number(1 << form) : [variable, text, data, () => [text(), text()]][form - Form.variable]!();
    if (form === Form.pair) ((properties[name] ??= []) as unknown[]).push(value);
    // Of the others only Subscription Identifiers may stand more than once.
    else properties[name] = name in properties ? [properties[name], value].flat() : value;
  }
  return properties;
}
