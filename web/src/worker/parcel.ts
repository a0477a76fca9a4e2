// What crosses between a page and its Worker: one buffer with records and the bytes that they point at, transferred.
//
//   8 numbers (64-bit): the turn, if it is to be answered, else 0; the count of record words; the counters of the session
//   the records (engine/walk.ts; from the page those of Command)
//   the bytes; the records' offsets count from the first
import type { RecordSource } from "../engine/records.js";
import { decodeText } from "../engine/memory.js";
import { Kind } from "../generated/events.js";
import { MessageFlag } from "../engine/abi.js";

/** What a page tells its Worker. The words of each record: */
export const enum Command {
  /** slot, text (offset, length): the slot stands for this topic name from now on */
  topic = 1,
  /** operation (0: the turn's), slot, expiry, payload, properties (offset, length each); the flags are those of the fixed header */
  publish = 2,
  /** operation: all messages of QoS 0 without an operation of their own that were in this parcel */
  turn = 3,
  /** operation */
  cancel = 4,
  /** serial, reason */
  acknowledge = 5,
}

const HEADER = 8; // numbers
export const FIRST_RECORD = HEADER * 2; // words
const LONG = 0xffff; // words of a record, from which on it has its length in its second word

/** Which words of a record are an offset, with the length behind it. */
function places(kind: Kind, flags: number): readonly number[] {
  if (kind === Kind.message) {
    if (!(flags & MessageFlag.properties)) return [2];
    return [2, flags & MessageFlag.acknowledged ? 6 : 4];
  }
  return kind === Kind.topic || kind === Kind.suback ? [2] : kind === Kind.done || kind === Kind.received ? [3] : [];
}

/** A parcel that is being filled. */
export class Parcel {
  #words = new Uint32Array(256);
  #bytes = new Uint8Array(4096);
  #count = 0;
  #length = 0;

  get size(): number {
    return this.#count * 4 + this.#length;
  }

  get empty(): boolean {
    return this.#count === 0;
  }

  /** Puts bytes in; returns their offset. */
  put(bytes: Uint8Array): number {
    const offset = this.#length;
    if (bytes.length === 0) return offset;
    const end = offset + bytes.length;
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(end, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, offset));
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, offset);
    this.#length = end;
    return offset;
  }

  /** Adds a record; `words` are those behind the head. */
  add(kind: number, flags: number, words: ArrayLike<number>): void {
    const long = words.length + 1 >= LONG;
    const size = words.length + (long ? 2 : 1);
    const end = this.#count + size;
    if (end > this.#words.length) {
      const larger = new Uint32Array(Math.max(end, this.#words.length * 2));
      larger.set(this.#words.subarray(0, this.#count));
      this.#words = larger;
    }
    let at = this.#count;
    this.#words[at++] = kind | (flags << 8) | (long ? 0 : size << 16);
    if (long) this.#words[at++] = size;
    for (let index = 0; index < words.length; index++) this.#words[at++] = words[index]!; // set() is slow for few
    this.#count = end;
  }

  /** The buffer to transfer; the parcel is empty then. */
  take(turn: number, counters: readonly number[] = []): ArrayBuffer {
    const end = HEADER * 8 + this.#count * 4;
    const buffer = new ArrayBuffer(end + this.#length);
    new Float64Array(buffer, 0, HEADER).set([turn, this.#count, ...counters]);
    new Uint32Array(buffer, HEADER * 8, this.#count).set(this.#words.subarray(0, this.#count));
    new Uint8Array(buffer, end).set(this.#bytes.subarray(0, this.#length));
    this.#count = this.#length = 0;
    return buffer;
  }
}

/** A parcel that has arrived. */
export class Contents implements RecordSource {
  readonly turn: number;
  /** Of the session: see Parcel.take(). */
  readonly counters: Float64Array;
  readonly words: Uint32Array;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where the bytes begin. */
  readonly base: number;

  constructor(buffer: ArrayBuffer) {
    const header = new Float64Array(buffer, 0, HEADER);
    const end = FIRST_RECORD + header[1]!;
    this.turn = header[0]!;
    this.counters = header.subarray(2);
    this.words = new Uint32Array(buffer, 0, end);
    this.bytes = new Uint8Array(buffer);
    this.base = end * 4;
  }

  view(at: number, length: number): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(at, at + length);
  }

  text(at: number, length: number): string {
    return decodeText(this.view(at, length));
  }

  /** A parcel of the same without messages of QoS 0, and how many those were. */
  thin(): { parcel: Parcel; dropped: number } {
    const parcel = new Parcel();
    let dropped = 0;
    for (let at = FIRST_RECORD; at < this.words.length; ) {
      const head = this.words[at]!;
      const kind: Kind = head & 0xff;
      const flags = (head >>> 8) & 0xff;
      const first = head >>> 16 === 0 ? 2 : 1;
      const length = head >>> 16 || this.words[at + 1]!;
      if (kind === Kind.message && !(flags & MessageFlag.qos)) {
        dropped++;
      } else {
        const words = this.words.slice(at, at + length);
        // Properties lie before the payload, in the parcel too.
        for (const place of places(kind, flags).toReversed()) words[place] = parcel.put(this.view(this.base + words[place]!, words[place + 1]!));
        parcel.add(kind, flags, words.subarray(first));
      }
      at += length;
    }
    return { parcel, dropped };
  }
}
