// One session of the core, with its memory, its records and its time. What goes in and comes out is in wasm/tarta.h.
import { MqttError } from "../errors.js";
import { DEADLINE, Flag, Result, Status, type CoreExports } from "./abi.js";
import type { Core } from "./loader.js";
import type { Memory } from "./memory.js";
import type { Owner } from "./records.js";
import { Scheduler } from "./scheduler.js";
import { Walker } from "./walk.js";

const SLICE = 65_536; // what enters wasm at a time, and the most that leaves as one WebSocket message
const HEAD = 512; // what enters wasm of a PUBLISH that fills a WebSocket message
const LONGEST_TIMER = 0x7fffffff; // setTimeout takes 31 bits

/** Where output goes, one WebSocket message at a time. The bytes are a view of wasm memory, good during the call. */
export type Send = (bytes: Uint8Array<ArrayBuffer>) => void;

/** The commands that take and give plain numbers. */
type Command =
  | "set_number" | "set_bytes" | "clear_bytes" | "define_topic" | "define_filter" | "forget_filter" | "subscribe"
  | "unsubscribe" | "cancel" | "authenticate" | "disconnect" | "probe" | "hold" | "acknowledge";

type Arguments<Name extends Command> = Parameters<CoreExports[Name]> extends [number, ...infer Rest extends number[]] ? Rest : never;

export class Engine<Match> {
  readonly memory: Memory;
  readonly #exports: CoreExports;
  readonly #session: number;
  readonly #owner: Owner<Match>;
  readonly #scheduler: Scheduler;
  readonly #walker: Walker<Match>;

  #output: Send | undefined;
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
    this.#walker = new Walker(memory, owner);
  }

  /** Set by close(), in a handler too: from then on no message is told or acknowledged. */
  get halted(): boolean {
    return this.#walker.halted;
  }

  halt(): void {
    this.#walker.halted = true;
  }

  // ---- the transport ----

  /** The transport is open: CONNECT leaves, when the client is kept. `server` (0–15) names the URL. Returns the number of an error. */
  opened(server: number, output: Send): number {
    this.#output = output;
    this.#walker.begin();
    const error = this.#exports.transport_opened(this.#session, server, performance.now(), Date.now());
    if (error === 0) {
      this.#step(this.memory.status(Status.recordWords));
      this.schedule();
    }
    return error;
  }

  /** The transport closed by itself. */
  lost(): void {
    this.#output = undefined;
    this.#step(this.#exports.transport_closed(this.#session, performance.now(), Date.now()));
  }

  /** How many ms to wait before the next attempt; `stable`: the connection that was lost had stayed up. */
  reconnectDelay(min: number, max: number, factor: number, stable: boolean): number {
    return this.#exports.reconnect_delay(this.#session, min, max, factor, Number(stable));
  }

  /** Takes a WebSocket message; payloads of messages are views of it. */
  receive(chunk: Uint8Array<ArrayBuffer>): void {
    const { memory } = this;
    const walker = this.#walker;
    this.#late = true;
    const begin = chunk.byteOffset; // costs what a call costs
    walker.buffer = chunk.buffer;
    walker.end = begin + chunk.length;
    let at = this.#skip(chunk);
    let flush = at > 0;
    let size = at === 0 && onePublish(chunk) ? Math.min(HEAD, chunk.length) : SLICE;
    while (at < chunk.length && !walker.over) {
      const left = chunk.length - at;
      size = Math.min(size, left);
      walker.area = this.#exports.receive_area(this.#session, size);
      walker.base = begin + at;
      memory.bytes.set(size === chunk.length ? chunk : chunk.subarray(at, at + size), walker.area);
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
    walker.chunkEnd();
    if (walker.over) this.flush(); // the end may leave something to the store
    else if (flush) this.schedule();
    else this.#arm();
  }

  /** Takes what belongs to a payload that stays outside; returns where the chunk goes on. */
  #skip(chunk: Uint8Array<ArrayBuffer>): number {
    const { memory } = this;
    const length = Math.min(memory.status(Status.skip), chunk.length);
    if (length === 0) return 0;
    this.#exports.skipped(this.#session, length);
    this.#walker.gather(chunk.subarray(0, length), memory.status(Status.skip) === 0);
    return length;
  }

  #walk(result: number): void {
    this.#walker.walk(this.memory.status(Status.records) >>> 2, result & Result.words);
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
    this.#owner.keeping?.flush();
    if (this.#walker.over) return this.#end();
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
    const closed = this.#walker.over!;
    this.#walker.over = undefined;
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

  // ---- the store ----

  /** A record of wasm/tarta.h that was kept. Returns the number of an error. */
  restore(kind: number, key: number, record: Uint8Array, operation: number): number {
    return this.#exports.restore(this.#session, kind, key, this.put(record), operation);
  }

  /** What the last tick() has written for the store, good until the next. */
  blob(offset: number, length: number): Uint8Array {
    return this.memory.view(this.memory.status(Status.blobs) + offset, length);
  }

  /** All that was to be kept up to this serial is. */
  stored(serial: number): void {
    this.#exports.stored(this.#session, serial);
    this.schedule();
  }

  /** What has this serial cannot be kept. */
  storeFailed(serial: number): void {
    this.#exports.store_failed(this.#session, serial);
    this.#step(this.memory.status(Status.recordWords));
    this.schedule();
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

  /** Acknowledges the messages up to this serial, but those that the command hold has named. */
  delivered(through: number): void {
    this.#late = true;
    this.#exports.delivered(this.#session, through);
    this.schedule();
  }

  /**
   * What one packet bears, as words of core/field.def, good until the next call; undefined if it is malformed.
   *
   * @param version 3, 4 or 5
   */
  inspect(packet: Uint8Array, version: number, fromClient: boolean): Uint32Array | undefined {
    const { memory } = this;
    if (this.#exports.inspect(this.#session, this.put(packet), version, Number(fromClient)) === 0) return undefined;
    const at = memory.status(Status.records) >>> 2;
    return memory.words.subarray(at, at + memory.status(Status.recordWords));
  }

  /** Whether what comes next is the rest of a packet. */
  get midPacket(): boolean {
    return this.memory.status(Status.tail) + this.memory.status(Status.skip) > 0;
  }

  /** Acknowledges by hand a message that the command hold has named. */
  acknowledge(serial: number, reason: number): void {
    this.#late = true;
    this.command("acknowledge", serial, reason);
  }
}

/** Does one PUBLISH, larger than its head, fill the chunk? */
function onePublish(chunk: Uint8Array): boolean {
  return chunk.length > HEAD && chunk[0]! >>> 4 === 3 && packetSize(chunk) === chunk.length;
}

/** The bytes of the packet that begins here, or more than there are where that cannot be seen (5.0 §2.1.4). */
export function packetSize(bytes: Uint8Array): number {
  let length = 0;
  for (let at = 1; at < 5 && at < bytes.length; at++) {
    const byte = bytes[at]!;
    length += (byte & 0x7f) << (7 * at - 7);
    if (byte < 0x80) return at + 1 + length;
  }
  return bytes.length < 5 ? bytes.length + 1 : Infinity;
}
