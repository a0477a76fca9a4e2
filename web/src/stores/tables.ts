// The sorted tables of a LevelDB, as files that something may have changed.
//
// LevelDB does not check them as classic-level has it read: a byte that has changed may end the process. So fileStore looks
// through them before. A table: blocks, each with its type and a checksum behind it; the one before the last lists other
// blocks that are not data, the last those of the data; then, in 48 bytes, where these two are, and eight bytes of its own.
import { crc, CRC32C } from "./crc.js";

const FOOTER = 48;
const MAGIC = 0xdb4775248b80fb57n;
const PLAIN = 0; // the type of blocks that are not compressed

/** Where a block is. */
interface Handle {
  at: number;
  size: number;
}

/** An entry of a list: a key, and the block that it names. */
interface Entry extends Handle {
  key: Uint8Array;
}

class Cursor {
  constructor(readonly bytes: Uint8Array, public at = 0) {}

  /** @throws RangeError */
  varint(): number {
    for (let value = 0, factor = 1; ; factor *= 128) {
      const byte = this.bytes[this.at++];
      if (byte === undefined || factor > 2 ** 49) throw new RangeError("no number");
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  }

  handle(): Handle {
    return { at: this.varint(), size: this.varint() };
  }
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Of a block and its type. */
export function checksum(bytes: Uint8Array, { at, size }: Handle): number {
  const plain = crc(CRC32C, bytes.subarray(at, at + size + 1));
  return (((plain >>> 15) | (plain << 17)) + 0xa282ead8) >>> 0; // as LevelDB masks it
}

function isSound(table: Uint8Array, handle: Handle): boolean {
  const end = handle.at + handle.size + 1;
  return end + 4 <= table.length - FOOTER && viewOf(table).getUint32(end, true) === checksum(table, handle);
}

/** @throws RangeError also for a list that is compressed: ours are not */
function readList(table: Uint8Array, { at, size }: Handle): Entry[] {
  if (table[at + size] !== PLAIN) throw new RangeError("it is compressed");
  const block = table.subarray(at, at + size);
  const end = size - 4 - 4 * viewOf(block).getUint32(size - 4, true);
  const entries: Entry[] = [];
  for (const cursor = new Cursor(block); cursor.at < end; ) {
    const [shared, rest, length] = [cursor.varint(), cursor.varint(), cursor.varint()];
    if (shared > 0) throw new RangeError("lists share no keys");
    const key = block.subarray(cursor.at, cursor.at + rest);
    entries.push({ key, ...new Cursor(block, cursor.at + rest).handle() });
    cursor.at += rest + length;
  }
  return entries;
}

/** Puts a list in the place of one that was no shorter. */
function writeList(table: Uint8Array, at: number, entries: readonly Entry[]): Handle {
  const bytes: number[] = [];
  const starts: number[] = [];
  for (const { key, at, size } of entries) {
    const handle: number[] = [];
    putVarints(handle, at, size);
    starts.push(bytes.length);
    putVarints(bytes, 0, key.length, handle.length);
    bytes.push(...key, ...handle);
  }
  if (starts.length === 0) starts.push(0);
  for (const value of [...starts, starts.length]) bytes.push(value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24);
  const handle = { at, size: bytes.length };
  table.set([...bytes, PLAIN], at);
  viewOf(table).setUint32(at + handle.size + 1, checksum(table, handle), true);
  return handle;
}

function putVarints(bytes: number[], ...values: number[]): void {
  for (let value of values) {
    for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
    bytes.push(value);
  }
}

interface Parts {
  others: Handle;
  data: Handle;
  /** What the two lists say; undefined if that cannot be known. */
  otherBlocks: Entry[] | undefined;
  dataBlocks: Entry[] | undefined;
}

/** @throws RangeError */
function partsOf(table: Uint8Array): Parts {
  const cursor = new Cursor(table.subarray(table.length - FOOTER));
  const [others, data] = [cursor.handle(), cursor.handle()];
  const list = (handle: Handle) => (isSound(table, handle) ? readList(table, handle) : undefined);
  return { others, data, otherBlocks: list(others), dataBlocks: list(data) };
}

/** Whether LevelDB will take it for a table: of one that was being written when its process ended, it knows that it is none. */
function isTable(table: Uint8Array): boolean {
  return table.length >= FOOTER && viewOf(table).getBigUint64(table.length - 8, true) === MAGIC;
}

/** Whether something has changed a table that LevelDB would take for one. */
export function isDamaged(table: Uint8Array): boolean {
  if (!isTable(table)) return false;
  try {
    const { otherBlocks, dataBlocks } = partsOf(table);
    return ![otherBlocks, dataBlocks].every((blocks) => blocks?.every((block) => isSound(table, block)));
  } catch {
    return true;
  }
}

/** Takes the damaged blocks out of the lists of a damaged table, in place. Returns false if nothing of it can be kept. */
export function mend(table: Uint8Array): boolean {
  try {
    const { others, data, otherBlocks = [], dataBlocks } = partsOf(table);
    if (!dataBlocks) return false;
    const sound = (blocks: Entry[]) => blocks.filter((block) => isSound(table, block));
    const lists = [writeList(table, others.at, sound(otherBlocks)), writeList(table, data.at, sound(dataBlocks))];
    const footer: number[] = [];
    for (const { at, size } of lists) putVarints(footer, at, size);
    table.set(new Uint8Array(FOOTER - 8), table.length - FOOTER);
    table.set(footer, table.length - FOOTER);
    return true;
  } catch {
    return false;
  }
}
