import { MessageFlag } from "./engine/abi.js";
import { decodeText } from "./engine/memory.js";
import type { PublishProperties } from "./generated/properties.js";
import { readParams, type Pattern } from "./patterns.js";
import { parseProperties } from "./properties.js";

/** Quality of service: 0 at most once, 1 at least once, 2 exactly once. */
export type QoS = 0 | 1 | 2;

/** The acknowledgement of a message that is given by hand; it is sent when all who hold the message have answered. */
export interface Holding {
  answer(reasonCode: number): void;
}

/** A message that has arrived. */
export class Message {
  /** The topic name. */
  readonly topic: string;
  readonly #flags: number;
  #bytes: Uint8Array<ArrayBuffer>;
  #at: number;
  readonly #length: number;
  readonly #propertiesAt: number;
  readonly #propertiesLength: number;
  readonly #pattern: Pattern | undefined;
  #holding: Holding | undefined;
  #payload: Uint8Array<ArrayBuffer> | undefined;
  #properties: PublishProperties | undefined;
  #params: Record<string, string> | undefined;

  /** @internal */
  constructor(
    topic: string, flags: number, bytes: Uint8Array<ArrayBuffer>, at: number, length: number, propertiesAt: number,
    propertiesLength: number, pattern?: Pattern, holding?: Holding,
  ) {
    this.topic = topic;
    this.#flags = flags;
    this.#bytes = bytes;
    this.#at = at;
    this.#length = length;
    this.#propertiesAt = propertiesAt;
    this.#propertiesLength = propertiesLength;
    this.#pattern = pattern;
    this.#holding = holding;
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

  /** The payload: a view, whose buffer may hold all that arrived with it. Keep copy() for longer than a moment. */
  get payload(): Uint8Array<ArrayBuffer> {
    return (this.#payload ??= new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + this.#at, this.#length));
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
    return (this.#properties ??= parseProperties(this.#bytes, this.#propertiesAt, this.#propertiesLength));
  }

  /** What `{name}` and `{name...}` of the subscription's filter stand for. */
  get params(): Record<string, string> {
    return (this.#params ??= readParams(this.#pattern?.names ?? [], this.topic));
  }

  /** Acknowledges the message, where the subscription says `ack: "manual"`; else, and the second time, does nothing. */
  ack(): void {
    this.#answer(0);
  }

  /**
   * Refuses the message, where the subscription says `ack: "manual"`. With 3.1.1, which has no refusal, as ack().
   *
   * @param reasonCode 0x80 or above, of those that PUBACK may bear (5.0 §3.4.2.1)
   */
  reject(reasonCode = 0x80): void {
    this.#answer(reasonCode);
  }

  #answer(reasonCode: number): void {
    const holding = this.#holding;
    this.#holding = undefined;
    holding?.answer(reasonCode);
  }

  /** A message that waits must not keep a much larger chunk alive. @internal */
  detach(): void {
    if (this.#bytes.buffer.byteLength <= this.#length * 2) return;
    void this.properties;
    this.#bytes = this.copy();
    this.#at = 0;
    this.#payload = undefined;
  }
}
