import { Kind } from "../generated/events.js";
import { type ClosedFlag } from "./abi.js";
import type { Memory } from "./memory.js";

/** An inbound topic. The core's number for it may get another meaning later; what holds a topic holds this object. */
export interface Topic<Match> {
  readonly name: string;
  /** What deliveries.matched() made of the filters that the topic matches. */
  matches: readonly Match[];
}

/** Why and how a connection ended. */
export interface Closed {
  error: number;
  reason: number;
  fault: number;
  flags: ClosedFlag | number;
  properties: Uint8Array;
}

// Whom an engine tells what. All but `closed` and `flushed` are called while records are walked: they may give any command.
// Property bytes are valid during the call.

/** What takes the messages. */
export interface Deliveries<Match> {
  /**
   * A message: its payload is `length` bytes of `bytes` from `at` on, its properties lie there too. `serial` names it for
   * hold() and acknowledge(); QoS 0 has none.
   */
  message(
    topic: Topic<Match>, flags: number, bytes: Uint8Array<ArrayBuffer>, at: number, length: number,
    propertiesAt: number, propertiesLength: number, serial: number,
  ): void;
  /** All messages of a chunk have been told; they are acknowledged after this returns. */
  chunkEnd(): void;
  /** The filters that a topic matches from now on. */
  matched(topic: Topic<Match>, filters: Uint32Array): void;
  sessionLost(): void;
  /** After a lost session the server did not take this subscription again. */
  refused(filter: number, reason: number): void;
}

/** What takes the outcome of operations. */
export interface Outcomes {
  /** What PUBREC says of a message that is not done yet. */
  received(operation: number, reason: number, properties: Uint8Array): void;
  done(operation: number, reason: number, properties: Uint8Array): void;
  failed(operation: number, error: number): void;
  /** SUBACK or UNSUBACK. */
  answered(operation: number, codes: number[], properties: Uint8Array): void;
}

/** What takes the fate of the connection. */
export interface ConnectionEvents {
  connected(version: number, sessionPresent: boolean, properties: Uint8Array): void;
  authentication(reason: number, properties: Uint8Array): void;
  /** The connection is over, and its last bytes were given to the transport. */
  closed(closed: Closed): void;
  /** The output of a turn was given to the transport. */
  flushed(): void;
}

/** Who has an engine. */
export interface Owner<Match> {
  deliveries: Deliveries<Match>;
  outcomes: Outcomes;
  connection: ConnectionEvents;
}

/** Reads a record other than MESSAGE. `words` counts it whole; `area` is what its offsets count from. */
export function readRecord<Match>(
  memory: Memory, at: number, head: number, words: number, area: number, topics: Topic<Match>[], owner: Owner<Match>,
): Closed | undefined {
  const word = (index: number) => memory.words[at + index]!;
  const properties = (index: number) => memory.view(area + (word(index) | 0), word(index + 1));
  const flags = (head >>> 8) & 0xff;
  const { deliveries, outcomes, connection } = owner;
  // The long form has its length in the second word.
  const first = head >>> 16 === 0 ? 2 : 1;
  switch (head & 0xff) {
    case Kind.topic:
      topics[word(1)] = { name: memory.text(area + (word(2) | 0), word(3)), matches: [] };
      break;
    case Kind.match:
      deliveries.matched(topics[word(first)]!, memory.words.slice(at + first + 1, at + words));
      break;
    case Kind.received:
      outcomes.received(word(1), word(2), properties(3));
      break;
    case Kind.done:
      outcomes.done(word(1), word(2), properties(3));
      break;
    case Kind.failed:
      outcomes.failed(word(1), word(2));
      break;
    case Kind.suback:
    case Kind.unsuback:
      outcomes.answered(word(first), [...memory.words.subarray(at + first + 3, at + words)], properties(first + 1));
      break;
    case Kind.connack:
      connection.connected(word(1), (flags & 1) !== 0, properties(3));
      break;
    case Kind.auth:
      connection.authentication(word(1), properties(2));
      break;
    case Kind.sessionLost:
      deliveries.sessionLost();
      break;
    case Kind.refused:
      deliveries.refused(word(1), word(2));
      break;
    case Kind.closed:
      return { error: word(1), reason: word(2), fault: word(3), flags, properties: properties(4).slice() };
  }
  return undefined;
}
