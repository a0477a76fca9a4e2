import { Kind } from "../generated/events.js";
import { type ClosedFlag } from "./abi.js";

/** Where records lie, and what those other than MESSAGE point at. */
export interface RecordSource {
  readonly words: Uint32Array;
  view(at: number, length: number): Uint8Array<ArrayBuffer>;
  text(at: number, length: number): string;
}

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
   * A message: its payload is `length` bytes of `buffer` from `at` on, its properties lie there too. `serial` names it for
   * hold() and acknowledge(); QoS 0 has none.
   */
  message(
    topic: Topic<Match>, flags: number, buffer: ArrayBuffer, at: number, length: number,
    propertiesAt: number, propertiesLength: number, serial: number,
  ): void;
  /** All messages of a chunk have been told; those up to `through` are to be acknowledged. */
  chunkEnd(through: number | undefined): void;
  /** The filters that a topic matches from now on: those that `words` names from `from` to `end`. */
  matched(topic: Topic<Match>, words: Uint32Array, from: number, end: number): void;
}

/** What takes the fate of subscriptions when the server has lost the session. */
export interface Restoring {
  sessionLost(): void;
  /** The server did not take this subscription again. */
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

/** What takes what is to outlive the client. The offset counts in what the last tick() has written for it. */
export interface Keeper {
  persist(serial: number, kind: number, key: number, offset: number, length: number, operation: number): void;
  forget(serial: number, kind: number, key: number): void;
  /** The records of a turn are walked. */
  flush(): void;
}

/** Whom records are told that a Worker has packed. */
export interface Listener<Match> {
  deliveries: Deliveries<Match>;
  outcomes: Outcomes;
  /** Where there is a store. */
  keeping: Keeper | undefined;
}

/** Who has an engine. */
export interface Owner<Match> extends Listener<Match> {
  connection: ConnectionEvents;
  restoring: Restoring;
}

/** Reads a record other than MESSAGE. `words` counts it whole; `area` is what its offsets count from. */
export function readRecord<Match>(
  source: RecordSource, at: number, head: number, words: number, area: number, topics: Topic<Match>[], owner: Listener<Match> & Partial<Owner<Match>>,
): Closed | undefined {
  const word = (index: number) => source.words[at + index]!;
  const properties = (index: number) => source.view(area + (word(index) | 0), word(index + 1));
  const flags = (head >>> 8) & 0xff;
  const { deliveries, outcomes, connection, restoring, keeping } = owner;
  // The long form has its length in the second word.
  const first = head >>> 16 === 0 ? 2 : 1;
  switch (head & 0xff) {
    case Kind.topic:
      topics[word(1)] = { name: source.text(area + (word(2) | 0), word(3)), matches: [] };
      break;
    case Kind.match:
      deliveries.matched(topics[word(first)]!, source.words, at + first + 1, at + words);
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
      outcomes.answered(word(first), [...source.words.subarray(at + first + 3, at + words)], properties(first + 1));
      break;
    case Kind.connack:
      connection!.connected(word(1), (flags & 1) !== 0, properties(3));
      break;
    case Kind.auth:
      connection!.authentication(word(1), properties(2));
      break;
    case Kind.sessionLost:
      restoring!.sessionLost();
      break;
    case Kind.refused:
      restoring!.refused(word(1), word(2));
      break;
    case Kind.persist:
      keeping!.persist(word(1), word(2), word(3), word(4), word(5), word(6));
      break;
    case Kind.forget:
      keeping!.forget(word(1), word(2), word(3));
      break;
    case Kind.closed:
      return { error: word(1), reason: word(2), fault: word(3), flags, properties: properties(4).slice() };
  }
  return undefined;
}
