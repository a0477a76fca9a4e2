// Who gets which message: the filters that the core matches, and the subscriptions that use them.
import { MessageFlag } from "./engine/abi.js";
import type { Engine } from "./engine/engine.js";
import type { Deliveries, Topic } from "./engine/records.js";
import { coreError, MqttError } from "./errors.js";
import { Packet } from "./generated/properties.js";
import { Message, type Holding } from "./message.js";
import type { Operations } from "./operations.js";
import type { Pattern } from "./patterns.js";
import { encodeProperties, NO_BYTES, parseProperties } from "./properties.js";
import { Subscription, type Handler, type SubscribeOptions, type Wish } from "./subscription.js";
import { encodeText } from "./text.js";

// Bits of the options byte of SUBSCRIBE (5.0 §3.8.3.1).
const QOS = 3;
const NO_LOCAL = 4;
const RETAIN_AS_PUBLISHED = 8;

/** A filter that the core matches, for all that use it. */
export interface Filter {
  readonly number: number;
  readonly name: string;
  /** The byte of SUBSCRIBE. */
  options: number;
  /** Never changed in place: they may be walked while handlers subscribe and unsubscribe. */
  consumers: readonly Consumer[];
  /** Counts SUBSCRIBE packets: retained messages are for those that sent the last one. */
  generation: number;
  /** SUBSCRIBE and UNSUBSCRIBE packets under way. */
  asking: number;
}

/** One filter of one subscription. */
interface Consumer {
  readonly filter: Filter;
  readonly subscription: Subscription;
  readonly pattern: Pattern;
  /** Unlike a route. */
  readonly subscribes: boolean;
  generation: number;
}

const subscribes = (consumer: Consumer) => consumer.subscribes;

export class Subscriptions implements Deliveries<Filter> {
  /** Messages that have arrived, and that were dropped as their loop was too slow. */
  received = 0;
  dropped = 0;
  /** Gets every message, whatever it matches. */
  onmessage: ((message: Message) => void) | undefined;
  engine!: Engine<Filter>;

  readonly #operations: Operations;
  readonly #report: (error: unknown) => void;
  readonly #filters = new Map<string, Filter>();
  readonly #byNumber: (Filter | undefined)[] = [];
  readonly #free: number[] = [];
  readonly #retired: number[] = []; // free after the walk: a record that is still to be walked may name them
  #atChunkEnd: (() => unknown)[] = [];

  constructor(operations: Operations, report: (error: unknown) => void) {
    this.#operations = operations;
    this.#report = report;
  }

  // ---- messages ----

  matched(topic: Topic<Filter>, filters: Uint32Array): void {
    topic.matches = Array.from(filters, (number) => this.#byNumber[number]).filter((filter) => filter !== undefined);
  }

  message(
    topic: Topic<Filter>, flags: number, bytes: Uint8Array<ArrayBuffer>, at: number, length: number,
    propertiesAt: number, propertiesLength: number, serial: number,
  ): void {
    const number = ++this.received;
    let held: Held | undefined;
    let { matches } = topic;
    if (flags & MessageFlag.identified) matches = identify(matches, bytes, propertiesAt, propertiesLength);
    for (const filter of matches) {
      for (const consumer of filter.consumers) {
        const { subscription, pattern } = consumer;
        if (subscription.ended || subscription.last === number || this.engine.halted) continue;
        if (flags & MessageFlag.retain && isServed(consumer)) continue;
        subscription.last = number;
        let holding: Held | undefined;
        if (subscription.manual && flags & MessageFlag.acknowledged) {
          holding = held ??= new Held(this.engine, serial);
          held.waiting++;
        }
        this.#call(
          subscription.deliver,
          new Message(topic.name, flags, bytes, at, length, propertiesAt, propertiesLength, pattern, holding),
        );
      }
    }
    held?.answer(0);
    if (this.onmessage && !this.engine.halted) {
      this.onmessage(new Message(topic.name, flags, bytes, at, length, propertiesAt, propertiesLength));
    }
  }

  /** A handler may throw, or return a promise that rejects: neither stops what comes after it. */
  #call<Value>(handler: (value: Value) => unknown, value: Value): void {
    try {
      const result = handler(value);
      if (result instanceof Promise) result.catch(this.#report);
    } catch (error) {
      this.#report(error);
    }
  }

  /** Has `task` run when all messages of the chunk were handed out, before they are acknowledged. */
  atChunkEnd(task: () => unknown): void {
    this.#atChunkEnd.push(task);
  }

  chunkEnd(): void {
    if (this.#atChunkEnd.length > 0) for (const task of this.#atChunkEnd.splice(0)) this.#call(task, undefined);
  }

  // ---- subscribing ----

  /** @throws TypeError for a filter that is none (5.0 §4.7) */
  async subscribe(wishes: readonly Wish[], options: SubscribeOptions, handler: Handler | undefined): Promise<Subscription> {
  }
}
