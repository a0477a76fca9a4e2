// One session of the core, with its memory, its records and its time. What goes in and comes out is in wasm/tarta.h.
import { MqttError } from "../errors.js";
import { Kind } from "../generated/events.js";
import { DEADLINE, Flag, MessageFlag, Result, Status, type CoreExports } from "./abi.js";
import type { Core } from "./loader.js";
import type { Memory } from "./memory.js";
import { readRecord, type Closed, type Owner, type Topic } from "./records.js";
import { Scheduler } from "./scheduler.js";

const SLICE = 65_536; // what enters wasm at a time, and the most that leaves as one WebSocket message
const HEAD = 512; // what enters wasm of a PUBLISH that fills a WebSocket message
const LONGEST_TIMER = 0x7fffffff; // setTimeout takes 31 bits

/** Where output goes, one WebSocket message at a time. The bytes are a view of wasm memory, good during the call. */
export type Send = (bytes: Uint8Array<ArrayBuffer>) => void;

/** A message whose payload comes with later WebSocket messages. The pieces stay outside wasm memory, which cannot shrink. */
interface Gathering {
  pieces: Uint8Array[];
  deliver(bytes: Uint8Array<ArrayBuffer>): void;
}

/** The commands that take and give plain numbers. */
type Command =
  | "set_number" | "set_bytes" | "clear_bytes" | "define_topic" | "define_filter" | "forget_filter" | "subscribe"
  | "unsubscribe" | "cancel" | "authenticate" | "disconnect" | "hold" | "acknowledge";

type Arguments<Name extends Command> = Parameters<CoreExports[Name]> extends [number, ...infer Rest extends number[]] ? Rest : never;

export class Engine<Match> {
  readonly memory: Memory;
  /** Set by close(), in a handler too: from then on no message is told or acknowledged. */
  halted = false;
  readonly #exports: CoreExports;
  readonly #session: number;
  readonly #owner: Owner<Match>;
  readonly #scheduler: Scheduler;
  readonly #topics: Topic<Match>[] = [];

  #output: Send | undefined;
  #chunk = new Uint8Array(0); // the WebSocket message that is being received
  #base = 0; // what the records' offsets count from: in the chunk, …
  #area = 0; // … and in wasm memory
  #gathering: Gathering | undefined;
  #through: number | undefined; // the last message of the chunk that wants an acknowledgement
  #over: Closed | undefined;
  #late = false; // this turn has received or acknowledged: it ends late
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerAt = Infinity;

  constructor({ exports, memory }: Core, owner: Owner<Match>) {
    this.memory = memory;
    this.#exports = exports;
    this.#owner = owner;
    const random = crypto.getRandomValues(new Uint32Array(2));
    this.#session = exports.create(random[0]!, random[1]!);
    memory.statusAt = exports.status_of(this.#session);
    this.#scheduler = new Scheduler(() => this.flush());
  }

  // ---- the transport ----

  /** The transport is open: CONNECT leaves. `server` (0–15) names the URL. Returns the number of an error. */
  opened(server: number, output: Send): number {
    this.#output = output;
    this.#over = undefined;
    this.#gathering = undefined;
    const error = this.#exports.transport_opened(this.#session, server, performance.now(), Date.now());
    if (error === 0) this.#step(this.memory.status(Status.recordWords));
    return error;
  }

  /** The transport closed by itself. */
  lost(): void {
    this.#output = undefined;
    this.#step(this.#exports.transport_closed(this.#session, performance.now(), Date.now()));
  }

  /** Takes a WebSocket message; payloads of messages are views of it. */
  receive(chunk: Uint8Array<ArrayBuffer>): void {
    const { memory } = this;
    this.#late = true;
    this.#chunk = chunk;
    let at = this.#skip(chunk);
    let flush = at > 0;
    let size = at === 0 && onePublish(chunk) ? Math.min(HEAD, chunk.length) : SLICE;
    while (at < chunk.length && !this.#over) {
      const left = chunk.length - at;
      size = Math.min(size, left);
      this.#area = this.#exports.receive_area(this.#session, size);
      this.#base = at;
      memory.bytes.set(size === chunk.length ? chunk : chunk.subarray(at, at + size), this.#area);
      let result = this.#exports.receive(this.#session, size, left);
      this.#walk(result);
      while (result & Result.more) {
        result = this.#exports.more(this.#session);
        this.#walk(result);
      }
      if (result & Result.flush) flush = true;
      at += memory.status(Status.consumed);
      size = SLICE;
    }
    this.#owner.deliveries.chunkEnd();
    if (this.#through !== undefined) {
      this.#exports.delivered(this.#session, this.#through);
      this.#through = undefined;
      flush = true;
    }
    if (this.#over) this.#end();
    else if (flush) this.schedule();
    else this.#arm();
  }

  /** Takes what belongs to a payload that stays outside; returns where the chunk goes on. */
  #skip(chunk: Uint8Array<ArrayBuffer>): number {
    const { memory } = this;
    const length = Math.min(memory.status(Status.skip), chunk.length);
    if (length === 0) return 0;
    const gathering = this.#gathering; // none for a message that was delivered before (QoS 2, 5.0 §4.3.3)
    gathering?.pieces.push(chunk.subarray(0, length));
    this.#exports.skipped(this.#session, length);
    if (gathering && memory.status(Status.skip) === 0) {
      this.#gathering = undefined;
      gathering.deliver(join(gathering.pieces));
    }
    return length;
  }

  // ---- records ----

  /** Small, as it runs for every message. Handlers may do anything meanwhile, so memory is read anew at each step. */
  #walk(result: number): void {
    const { memory } = this;
    let at = memory.status(Status.records) >>> 2;
    const end = at + (result & Result.words);
    while (at < end) {
      const head = memory.words[at]!;
      if ((head & 0xff) === Kind.message) {
        this.#message(at, head >>> 8);
        at += head >>> 16;
      } else {
        const words = head >>> 16 || memory.words[at + 1]!;
        this.#over ??= readRecord(memory, at, head, words, this.#area, this.#topics, this.#owner);
        at += words;
      }
    }
  }

  #message(at: number, flags: number): void {
    const { words } = this.memory;
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
    let bytes = this.#chunk;
    let base = this.#base;
    if (first < 0) {
      // It began in the tail of the last chunk, which lies before this one in wasm memory.
      bytes = join([this.memory.copy(this.#area + first, -first), bytes.subarray(base, base + Math.max(offset + length, 0))]);
      base = -first;
    }
    if (flags & MessageFlag.gathered) {
      const deliver = (whole: Uint8Array<ArrayBuffer>) =>
        this.#deliver(topic, flags, whole, offset - first, length, 0, propertiesLength, serial);
      this.#gathering = { pieces: [bytes.subarray(base + first)], deliver };
    } else {
      this.#deliver(topic, flags, bytes, base + offset, length, base + first, propertiesLength, serial);
    }
  }

  #deliver(
    topic: Topic<Match>, flags: number, bytes: Uint8Array<ArrayBuffer>, at: number, length: number,
    propertiesAt: number, propertiesLength: number, serial: number,
  ): void {
    if (this.halted) return;
    if (flags & MessageFlag.acknowledged) this.#through = serial;
    this.#owner.deliveries.message(topic, flags, bytes, at, length, propertiesAt, propertiesLength, serial);
  }

  // ---- the end of a turn ----

  /** Something was commanded or received: flushes once, at the end of the turn. */
  schedule(): void {
    this.#scheduler.schedule(this.#late);
  }

  /** Runs what is due and sends what there is to send. */
  flush(): void {
    this.#late = false;
    this.#step(this.#exports.tick(this.#session, performance.now(), Date.now()));
  }

  /** Walks the records of a call, sends the output, and sets the timer. */
  #step(first: number): void {
    let result = first;
    this.#walk(result);
    while (result & Result.more) {
      result = this.#exports.more(this.#session);
      this.#walk(result);
    }
    if (this.#over) return this.#end();
    const sent = this.#send();
    this.#owner.connection.flushed();
    // What was sent may have made room for more.
    if (sent && this.memory.status(Status.flags) & Flag.output) this.schedule();
    this.#arm();
  }

  #send(): boolean {
    const length = this.memory.status(Status.outputLength);
    if (length === 0 || !this.#output) return false;
    const output = this.memory.status(Status.output);
    for (let at = 0; at < length; at += SLICE) {
      this.#output(this.memory.view(output + at, Math.min(SLICE, length - at)));
    }
    this.#exports.sent(this.#session);
    return true;
  }

  #end(): void {
    if (this.#send()) this.#owner.connection.flushed();
    this.#output = undefined;
    const closed = this.#over!;
    this.#over = undefined;
    this.#owner.connection.closed(closed);
    this.#arm();
  }

  /** A timer that is too early does no harm, so it is moved only to an earlier time. */
  #arm(): void {
    const deadline = this.memory.statusDouble(DEADLINE);
    if (deadline >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = deadline;
    this.#timer = setTimeout(
      () => {
        this.#timerAt = Infinity;
        this.flush();
      },
      Math.min(Math.max(deadline - performance.now(), 0), LONGEST_TIMER),
    );
  }

  /** No timer from now on. The memory goes with the instance, so late calls do no harm. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timerAt = -Infinity;
  }

  // ---- commands ----

  /** Puts arguments of the next command into the scratch area; returns their size. */
  put(bytes: Uint8Array): number {
    if (bytes.length === 0) return 0;
    const at = this.#exports.scratch(this.#session, bytes.length);
    if (at === 0) throw new MqttError("OUT_OF_MEMORY", "session");
    this.memory.bytes.set(bytes, at);
    return bytes.length;
  }

  /** A command of wasm/tarta.h; returns the number of an error, 0 for none. */
  command<Name extends Command>(name: Name, ...arguments_: Arguments<Name>): number {
    this.schedule();
    return (this.#exports[name] as (...all: number[]) => number)(this.#session, ...arguments_);
  }

  /** The command publish; returns the number of an error. */
  publish(
    operation: number, topic: number, flags: number, payload: Uint8Array, properties: Uint8Array, expiry: number,
  ): number {
    const size = this.put(properties);
    const at = this.#exports.publish(this.#session, operation, topic, flags, payload.length, size, expiry);
    if (at === 0) return this.memory.status(Status.error);
    this.memory.bytes.set(payload, at);
    this.schedule();
    return 0;
  }

  /** Whether the last publish(), at QoS 0, waits; else it is in the output already, and nothing more is told of it. */
  get queued(): boolean {
    return (this.memory.status(Status.flags) & Flag.queued) !== 0;
  }

  /** Acknowledges by hand a message that the command hold has named. */
  acknowledge(serial: number, reason: number): void {
    this.#late = true;
    this.command("acknowledge", serial, reason);
  }
}

/** Does one PUBLISH, larger than its head, fill the chunk? (Remaining Length: 5.0 §2.1.4) */
function onePublish(chunk: Uint8Array): boolean {
  if (chunk.length <= HEAD || chunk[0]! >>> 4 !== 3) return false;
  let length = 0;
  let at = 1;
  for (let shift = 0; at < 5; shift += 7) {
    const byte = chunk[at++]!;
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  return at + length === chunk.length;
}

export function join(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
