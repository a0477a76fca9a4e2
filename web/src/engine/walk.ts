// Walks records, wherever they lie: in the memory of the core, or in what a Worker has handed over.
import { Kind } from "../generated/events.js";
import { ClosedFlag, MessageFlag } from "./abi.js";
import { readRecord, type Closed, type Listener, type RecordSource, type Topic } from "./records.js";

/** A message whose payload comes with later WebSocket messages. The pieces stay outside wasm memory, which cannot shrink. */
interface Gathering {
  pieces: Uint8Array[];
  deliver(whole: ArrayBuffer): void;
}

export class Walker<Match> {
  /** Set by close(), in a handler too: from then on no message is told or acknowledged. */
  halted = false;
  source: RecordSource;
  /** What payloads are views of, … */
  buffer!: ArrayBuffer;
  /** … where in it that ends which has arrived, … */
  end = 0;
  /** … what the records' offsets count from in it, … */
  base = 0;
  /** … and in the source. */
  area = 0;
  /** The serial of the last message that wants an acknowledgement. */
  through: number | undefined;
  /** What CLOSED has said. */
  over: Closed | undefined;

  readonly #owner: Listener<Match>;
  readonly #topics: Topic<Match>[] = [];
  #gathering: Gathering | undefined;

  constructor(source: RecordSource, owner: Listener<Match>) {
    this.source = source;
    this.#owner = owner;
  }

  /** The records that are walked tell of the end of the client. */
  get #ending(): boolean {
    return ((this.over?.flags ?? 0) & ClosedFlag.final) !== 0;
  }

  /** Small, as it runs for every message. Handlers may do anything meanwhile, so memory is read anew at each step. */
  walk(from: number, words: number): void {
    const source = this.source;
    const end = from + words;
    let at = from;
    while (at < end) {
      const head = source.words[at]!;
      if ((head & 0xff) === Kind.message) {
        this.#message(at, head >>> 8);
        at += head >>> 16;
      } else {
        const length = head >>> 16 || source.words[at + 1]!;
        // With the end of the client all that waits is rejected, by who knows more of the reason. Else what follows an end is told.
        if ((head & 0xff) !== Kind.failed || !this.#ending) {
          const closed = readRecord(source, at, head, length, this.area, this.#topics, this.#owner);
          this.over ??= closed;
        }
        at += length;
      }
    }
  }

  #message(at: number, flags: number): void {
    const { words } = this.source;
    const topic = this.#topics[words[at + 1]!]!;
    const offset = words[at + 2]! | 0;
    const length = words[at + 3]!;
    let next = at + 4;
    let serial = 0;
    let propertiesLength = 0;
    let first = offset; // properties come before the payload
    if (flags & MessageFlag.acknowledged) {
      serial = words[next + 1]!;
      next += 2;
    }
    if (flags & MessageFlag.properties) {
      first = words[next]! | 0;
      propertiesLength = words[next + 1]!;
    }
    let { buffer, base, end } = this;
    if (first < 0) {
      // It began in the tail of the last chunk, which lies before this one in wasm memory; it may go on with the next.
      const rest = new Uint8Array(buffer, base, Math.min(Math.max(offset + length, 0), end - base));
      buffer = join([this.source.view(this.area + first, -first), rest]);
      base = -first;
      end = buffer.byteLength;
    }
    if (flags & MessageFlag.gathered) {
      this.#gather(new Uint8Array(buffer, base + first, end - base - first), topic, flags, offset - first, length, propertiesLength, serial);
    } else {
      this.#deliver(topic, flags, buffer, base + offset, length, base + first, propertiesLength, serial);
    }
  }

  /** By itself, as a closure takes memory at each call of the function that may make it. */
  #gather(piece: Uint8Array, topic: Topic<Match>, flags: number, at: number, length: number, propertiesLength: number, serial: number): void {
    const deliver = (whole: ArrayBuffer) => this.#deliver(topic, flags, whole, at, length, 0, propertiesLength, serial);
    this.#gathering = { pieces: [piece], deliver };
  }

  #deliver(
    topic: Topic<Match>, flags: number, buffer: ArrayBuffer, at: number, length: number,
    propertiesAt: number, propertiesLength: number, serial: number,
  ): void {
    if (this.halted) return;
    if (flags & MessageFlag.acknowledged) this.through = serial;
    this.#owner.deliveries.message(topic, flags, buffer, at, length, propertiesAt, propertiesLength, serial);
  }

  /** A further piece of a payload that comes in several; there is none for a message that was delivered before (QoS 2, 5.0 §4.3.3). */
  gather(piece: Uint8Array, last: boolean): void {
    const gathering = this.#gathering;
    gathering?.pieces.push(piece);
    if (!last) return;
    this.#gathering = undefined;
    gathering?.deliver(join(gathering.pieces));
  }

  /** A new connection: what was to come on the old one does not. */
  begin(): void {
    this.over = undefined;
    this.#gathering = undefined;
  }

  /** All messages of a chunk, or of a hand-over, have been told. */
  chunkEnd(): void {
    const { through } = this;
    this.through = undefined;
    this.#owner.deliveries.chunkEnd(through);
  }
}

export function join(pieces: readonly Uint8Array[]): ArrayBuffer {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole.buffer;
}
