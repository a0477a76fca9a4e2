// The functions and numbers of wasm/tarta.h, as TypeScript sees them. Pointers and sizes are bytes.

/** What the module exports; wasm/tarta.h explains each function. `session` is a pointer. */
export interface CoreExports {
  memory: WebAssembly.Memory;
  _initialize(): void;

  create(seed: number, seedHigh: number): number;
  destroy(session: number): void;
  status_of(session: number): number;
  scratch(session: number, size: number): number;
  set_number(session: number, option: number, value: number): number;
  set_bytes(session: number, option: number, length: number): number;
  clear_bytes(session: number, option: number): number;

  transport_opened(session: number, server: number, monotonic: number, wall: number): number;
  receive_area(session: number, size: number): number;
  receive(session: number, available: number, total: number): number;
  more(session: number): number;
  skipped(session: number, count: number): number;
  transport_closed(session: number, monotonic: number, wall: number): number;
  sent(session: number): void;
  tick(session: number, monotonic: number, wall: number): number;
  reconnect_delay(session: number, min: number, max: number, factor: number, stable: number): number;

  define_topic(session: number, topic: number, length: number): number;
  define_filter(session: number, filter: number, length: number, options: number): number;
  forget_filter(session: number, filter: number): void;
  publish(
    session: number, operation: number, topic: number, flags: number, length: number, properties: number, expiry: number,
  ): number;
  subscribe(session: number, operation: number, count: number, properties: number): number;
  unsubscribe(session: number, operation: number, count: number, properties: number): number;
  cancel(session: number, operation: number): number;
  authenticate(session: number, reason: number, data: number): number;
  disconnect(session: number, reason: number, properties: number): number;
  delivered(session: number, through: number): void;
  probe(session: number): void;
  hold(session: number, serial: number): void;
  acknowledge(session: number, serial: number, reason: number): void;

  restore(session: number, kind: number, key: number, length: number, operation: number): number;
  stored(session: number, through: number): void;
  store_failed(session: number, serial: number): void;

  inspect(session: number, length: number, version: number, fromClient: number): number;
}

/** The fields of `tarta_status`, as indices of 32-bit words. */
export const enum Status {
  records = 0,
  recordWords = 1,
  output = 2,
  outputLength = 3,
  error = 4,
  consumed = 5,
  tail = 6,
  skip = 7,
  blobs = 8,
  flags = 9,
  pending = 12,
  pendingBytes = 13,
}

/** The index of `tarta_status.deadline` among 64-bit words. */
export const DEADLINE = 5;

/** Bits of `tarta_status.flags`. */
export const enum Flag {
  online = 1,
  queued = 2,
  output = 4,
}

/** Bits of what receive(), more(), tick() and the transport's calls return, above the number of record words. */
export const enum Result {
  words = (1 << 29) - 1,
  more = 1 << 29,
  flush = 1 << 30,
}

/** Bits of the flags of a MESSAGE record. */
export const enum MessageFlag {
  retain = 1,
  qos = 6,
  dup = 8,
  acknowledged = 16,
  properties = 32,
  gathered = 64,
  identified = 128,
}

/** Bits of the flags of a CLOSED record. */
export const enum ClosedFlag {
  final = 1,
  again = 2,
  wished = 4,
}

/** What a store keeps, `Kept` in core/session.hpp. */
export const enum Kept {
  message = 1,
  released = 2,
  inbound = 3,
  subscription = 4,
  client = 5,
}

/** No Message Expiry Interval. */
export const NO_EXPIRY = 0xffffffff;
