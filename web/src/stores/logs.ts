// The log of a LevelDB, as a file that something may have changed.
//
// LevelDB takes the first batch that is not whole for the end of what was written, up to the next 32 KiB, and says nothing.
// That is right for the last batch, which a process or a machine may have left unfinished. But each is on disk before the
// next begins: where a whole one follows, something has changed the file. A log: blocks of 32 KiB, in them pieces of batches,
// each behind its checksum, its size and its type.
import { checksum } from "./tables.js";

const BLOCK = 32_768;
const HEADER = 7;
const FULL = 1;
const FIRST = 2;
const LAST = 4;
const NONE = 99; // a type that LevelDB passes over; it has its own use for those after LAST

interface Piece {
  at: number;
  end: number;
  /** 0: what is between pieces whose checksum is right. */
  type: number;
}

function* piecesOf(log: Uint8Array): Generator<Piece> {
  const view = new DataView(log.buffer, log.byteOffset, log.byteLength);
  for (let block = 0; block < log.length; block += BLOCK) {
    const end = Math.min(block + BLOCK, log.length);
    let unknown = block;
    // Its size may be what has changed: the next piece may begin at any byte.
    for (let at = block; at + HEADER <= end; at++) {
      const size = view.getUint16(at + 4, true);
      const type = log[at + 6]!;
      const next = at + HEADER + size;
      if (type < FULL || type > LAST || next > end || view.getUint32(at, true) !== checksum(log, { at: at + 6, size })) continue;
      if (at > unknown) yield { at: unknown, end: at, type: 0 };
      yield { at, end: next, type };
      unknown = next;
      at = next - 1;
    }
    if (end - unknown >= HEADER) yield { at: unknown, end, type: 0 };
  }
}

/** Whether something has changed a log. */
export function isDamaged(log: Uint8Array): boolean {
  let damaged = false;
  for (const { type } of piecesOf(log)) {
    if (damaged && (type === FULL || type === FIRST)) return true;
    damaged ||= type === 0;
  }
  return false;
}

/** Has LevelDB pass over what is damaged, and over no more, in place. */
export function mend(log: Uint8Array): boolean {
  const view = new DataView(log.buffer, log.byteOffset, log.byteLength);
  for (const { at, end, type } of [...piecesOf(log)]) {
    if (type > 0 || end - at < HEADER) continue;
    const size = end - at - HEADER;
    view.setUint16(at + 4, size, true);
    log[at + 6] = NONE;
    view.setUint32(at, checksum(log, { at: at + 6, size }), true);
  }
  return true;
}
