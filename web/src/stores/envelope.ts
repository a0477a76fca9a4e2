// How a record lies in a store. Numbers are big-endian; the checksum and the format come first in every version.
//
//   0   4  CRC-32 of all that follows
//   4   1  format
//   5   1  kind          of the record, as the core has named it
//   6   4  key
//   10  8  sequence      number, which is its key in the store as well
//   18  …  bytes
//
// The head is a record too, of the sequence number 0. Its bytes:
//
//   0   8  batch         how many have been written
//   8   8  next          no record has this sequence number, or a greater one
//   16  4  live          records that there are
//   20  4  sum           of their checksums, modulo 2^32
import { crc as crcOf, CRC32 } from "./crc.js";
import { storeError } from "./store.js";

const FORMAT = 1;
const FRONT = 18;
const HEAD_BYTES = 24;

export const HEAD_KEY = 0;

export interface Envelope {
  kind: number;
  key: number;
  sequence: number;
  crc: number;
  bytes: Uint8Array;
}

export interface Sealed {
  sequence: number;
  crc: number;
  value: Uint8Array<ArrayBuffer>;
}

export interface Head {
  batch: number;
  next: number;
  live: number;
  sum: number;
}

// Without a DataView, which costs more than the rest of an envelope.
function readWord(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

function writeWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

function readLong(bytes: Uint8Array, at: number): number {
  return readWord(bytes, at) * 2 ** 32 + readWord(bytes, at + 4);
}

function writeLong(bytes: Uint8Array, at: number, value: number): void {
  writeWord(bytes, at, value / 2 ** 32);
  writeWord(bytes, at + 4, value); // modulo 2^32
}

/** Copies the bytes into an envelope, which fills its buffer. */
export function seal(kind: number, key: number, sequence: number, bytes: Uint8Array): Sealed {
  const value = new Uint8Array(FRONT + bytes.length);
  value[4] = FORMAT;
  value[5] = kind;
  writeWord(value, 6, key);
  writeLong(value, 10, sequence);
  value.set(bytes, FRONT);
  const crc = crcOf(CRC32, value, 4);
  writeWord(value, 0, crc);
  return { sequence, crc, value };
}

/**
 * What lies in a store under a key, and whether it is what was put there; undefined if nothing can be read of it.
 *
 * @throws StoreErrorCode `STORE_VERSION`
 */
export function unseal(storeKey: number, value: Uint8Array): (Envelope & { sound: boolean }) | undefined {
  if (value.length < FRONT) return undefined;
  const crc = readWord(value, 0);
  const matches = crc === crcOf(CRC32, value, 4);
  const format = value[4]!;
  if (matches && format > FORMAT) throw storeError("STORE_VERSION", `its format is ${format}, this version of tarta reads up to ${FORMAT}`);
  const sequence = readLong(value, 10);
  return {
    sound: matches && format === FORMAT && sequence === storeKey,
    kind: value[5]!, key: readWord(value, 6), sequence, crc, bytes: value.subarray(FRONT),
  };
}

export function sealHead({ batch, next, live, sum }: Head): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEAD_BYTES);
  writeLong(bytes, 0, batch);
  writeLong(bytes, 8, next);
  writeWord(bytes, 16, live);
  writeWord(bytes, 20, sum);
  return seal(0, 0, HEAD_KEY, bytes).value;
}

/**
 * The head; undefined if it is damaged.
 *
 * @throws StoreErrorCode `STORE_VERSION`
 */
export function unsealHead(value: Uint8Array): Head | undefined {
  const envelope = unseal(HEAD_KEY, value);
  if (!envelope?.sound || envelope.bytes.length !== HEAD_BYTES) return undefined;
  const { bytes } = envelope;
  return { batch: readLong(bytes, 0), next: readLong(bytes, 8), live: readWord(bytes, 16), sum: readWord(bytes, 20) };
}
