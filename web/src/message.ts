import { MessageFlag } from "./engine/abi.js";
import { decodeText } from "./engine/memory.js";
import type { PublishProperties } from "./generated/properties.js";
import { MESSAGE_REFUSALS } from "./generated/reasons.js";
import { readParams, type Pattern } from "./patterns.js";
import { parseProperties } from "./properties.js";

/** Quality of service: 0 at most once, 1 at least once, 2 exactly once. */
export type QoS = 0 | 1 | 2;

/** The acknowledgement of a message that is given by hand; it is sent when all who hold the message have answered. */
export interface Holding {
  answer(reasonCode: number): void;
}

/** What most messages do without. */
interface Rest {
  propertiesAt: number;
  propertiesLength: number;
  /** That of the subscription, where it has names. */
  pattern: Pattern | undefined;
  /** Where the message is acknowledged by hand. */
  holding: Holding | undefined;
  properties?: PublishProperties;
  params?: Record<string, string>;
}

/** Undefined where there is nothing of it. @internal */
export function restOf(propertiesAt: number, propertiesLength: number, pattern?: Pattern, holding?: Holding): Rest | undefined {
  return propertiesLength > 0 || pattern || holding ? { propertiesAt, propertiesLength, pattern, holding } : undefined;
}

/** What a message is made of, for what hands it on. @internal */
export interface Parts {
  flags: number;
  payload: Uint8Array<ArrayBuffer>;
  rest: Rest;
}

/** A message that has arrived. */
export class Message {
  /** The topic name. */
  readonly topic: string;
  /** The payload: a view, whose buffer may hold all that arrived with it. Keep copy() for longer than a moment. */
  readonly payload: Uint8Array<ArrayBuffer>;
  readonly #flags: number;
  #rest: Rest | undefined;

  /** @internal */
  constructor(topic: string, flags: number, buffer: ArrayBuffer, at: number, length: number, rest: Rest | undefined) {
    this.topic = topic;
    this.payload = new Uint8Array(buffer, at, length);
    this.#flags = flags;
    this.#rest = rest;
  }

  /** The lower of the QoS it was published with and that of the subscription. */
  get qos(): QoS {
    return ((this.#flags & MessageFlag.qos) >> 1) as QoS;
  }

  /** Whether the server kept the message for later subscribers, or passed this flag on (Retain As Published). */
  get retain(): boolean {
    return (this.#flags & MessageFlag.retain) !== 0;
  }

  /** Whether the server may have sent the message before. */
  get dup(): boolean {
    return (this.#flags & MessageFlag.dup) !== 0;
  }

  /** The payload in a buffer of its own. */
  copy(): Uint8Array<ArrayBuffer> {
    return this.payload.slice();
  }

  /** The payload as UTF-8 text. */
  text(): string {
    return decodeText(this.payload);
  }

  /** @throws SyntaxError if the payload is no JSON */
  json<T = unknown>(): T {
    return JSON.parse(this.text()) as T;
  }

  /** The properties of PUBLISH (5.0 §3.3.2.3); empty with 3.1.1. */
  get properties(): PublishProperties {
    const rest = this.#restNow();
    return (rest.properties ??= parseProperties(new Uint8Array(this.payload.buffer, rest.propertiesAt, rest.propertiesLength)));
  }

  /** What `{name}` and `{name...}` of the subscription's filter stand for. */
  get params(): Record<string, string> {
    const rest = this.#restNow();
    return (rest.params ??= readParams(rest.pattern?.names ?? [], this.topic));
  }

  #restNow(): Rest {
    return (this.#rest ??= { propertiesAt: 0, propertiesLength: 0, pattern: undefined, holding: undefined });
  }

  /** Acknowledges the message, where the subscription says `ack: "manual"`; else, and the second time, does nothing. */
  ack(): void {
    this.#answer(0);
  }

  /**
   * Refuses the message, where the subscription says `ack: "manual"`. With 3.1.1, which has no refusal, as ack().
   *
   * @param reasonCode 0x80 or above, of those that PUBACK may bear (5.0 §3.4.2.1)
   * @throws RangeError for any other
   */
  reject(reasonCode = 0x80): void {
    if (!MESSAGE_REFUSALS.includes(reasonCode)) throw new RangeError(`${reasonCode} does not refuse a message`);
    this.#answer(reasonCode);
  }

  /** Whether it is still to be acknowledged by hand. @internal */
  get unanswered(): boolean {
    return this.#rest?.holding !== undefined;
  }

  #answer(reasonCode: number): void {
    const holding = this.#rest?.holding;
    if (!holding) return;
    this.#rest!.holding = undefined;
    holding.answer(reasonCode);
  }

  /** @internal */
  unpack(): Parts {
    return { flags: this.#flags, payload: this.payload, rest: this.#restNow() };
  }

  /** A message that waits must not keep a much larger chunk alive. @internal */
  detach(): void {
    if (this.payload.buffer.byteLength <= this.payload.length * 2) return;
    void this.properties;
    (this as { payload: Uint8Array }).payload = this.copy();
  }
}
