// Who gets which message: the filters that the core matches, and the subscriptions that use them.
import { MessageFlag } from "./engine/abi.js";
import { join, type Engine } from "./engine/engine.js";
import type { Deliveries, Topic } from "./engine/records.js";
import { coreError, MqttError } from "./errors.js";
import { Message, type Holding } from "./message.js";
import type { Operations } from "./operations.js";
import type { Pattern } from "./patterns.js";
import { encodeProperties, NO_BYTES, parseProperties, toBytes } from "./properties.js";
import { Subscription, type Handler, type SubscribeOptions, type Wish } from "./subscription.js";

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
export interface Consumer {
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
  subscribe(wishes: readonly Wish[], options: SubscribeOptions, handler: Handler | undefined): Promise<Subscription> {
    const properties = encodeProperties(options.properties);
    const { signal } = options;
    if (signal?.aborted) return Promise.reject(new MqttError("CANCELLED", "subscribe", { cause: signal.reason }));
    for (const { pattern, options: byte } of wishes) {
      const known = this.#filters.get(pattern.filter);
      if (known?.consumers.some(subscribes) && (known.options ^ byte) & (NO_LOCAL | RETAIN_AS_PUBLISHED)) {
        return Promise.reject(new MqttError("SUBSCRIPTION_CONFLICT", "subscribe", { detail: `"${known.name}"` }));
      }
    }
    const subscription = this.#join(wishes, options, handler, true);
    return this.#open(subscription, properties, signal);
  }

  async #open(subscription: Subscription, properties: Uint8Array, signal: AbortSignal | undefined): Promise<Subscription> {
    const { consumers } = subscription;
    for (const consumer of consumers) consumer.generation = ++consumer.filter.generation;
    try {
      const { codes, reasonString } = await this.#ask("subscribe", consumers.map(({ filter }) => filter), properties, signal);
      const refused = consumers.filter((_, index) => codes[index]! >= 0x80);
      if (refused.length === consumers.length) {
        throw new MqttError("SUBSCRIBE_REFUSED", "subscribe", { reasonCode: codes[0], reasonString });
      }
      this.#leave(refused);
      subscription.granted = codes;
      subscription.endWith(signal);
      return subscription;
    } catch (error) {
      // A SUBSCRIBE that was cancelled may have reached the server.
      if ((error as MqttError).code === "CANCELLED") this.unsubscribe(subscription).catch(() => {});
      this.#leave(consumers);
      throw error;
    }
  }

  /** For messages that arrive anyway: nothing is sent. */
  route(wishes: readonly Wish[], handler: Handler): Subscription {
    return this.#join(wishes, {}, handler, false);
  }

  #join(wishes: readonly Wish[], options: SubscribeOptions, handler: Handler | undefined, subscribing: boolean): Subscription {
    const subscription = new Subscription(this, wishes.map(({ pattern }) => pattern.filter), options, handler);
    const { consumers } = subscription;
    try {
      for (const wish of wishes) {
        const filter = this.#define(wish, subscribing);
        const { generation } = filter;
        const consumer = { filter, subscription, pattern: wish.pattern, subscribes: subscribing, generation };
        filter.consumers = [...filter.consumers, consumer];
        consumers.push(consumer);
      }
    } catch (error) {
      this.#leave(consumers);
      throw error;
    }
    return subscription;
  }

  /** The filter of this name, made or with the options that the wish adds: the highest QoS that anyone asks for. */
  #define({ pattern: { filter: name }, options }: Wish, subscribing: boolean): Filter {
    const known = this.#filters.get(name);
    if (known && !subscribing) return known;
    const qos = known?.consumers.some(subscribes) ? Math.max(known.options & QOS, options & QOS) : options & QOS;
    const byte = (options & ~QOS) | qos;
    const number = known?.number ?? this.#free.at(-1) ?? this.#byNumber.length;
    const error = this.engine.command("define_filter", number, this.engine.put(toBytes("a filter", name)), byte);
    if (error > 0) throw coreError(error, "subscribe", `"${name}"`);
    if (!known && number < this.#byNumber.length) this.#free.pop();
    const filter = known ?? { number, name, options: byte, consumers: [], generation: 0, asking: 0 };
    filter.options = byte;
    this.#filters.set(name, filter);
    return (this.#byNumber[number] = filter);
  }

  async unsubscribe(subscription: Subscription): Promise<void> {
    subscription.finish();
    const { consumers } = subscription;
    const used = new Set(consumers.filter(subscribes).map(({ filter }) => filter));
    for (const filter of used) filter.asking++; // so that they stay until the server is told
    this.#leave(consumers);
    const left = [...used].filter((filter) => !filter.consumers.some(subscribes));
    const asked = left.length > 0 ? this.#ask("unsubscribe", left, NO_BYTES) : undefined;
    this.#settle(used);
    const { codes, reasonString } = (await asked) ?? { codes: [] };
    const reasonCode = codes.find((code) => code >= 0x80);
    if (reasonCode) throw new MqttError("UNSUBSCRIBE_REFUSED", "unsubscribe", { reasonCode, reasonString });
  }

  /**
   * Has the core ask the server. A SUBSCRIBE for each filter, as one packet bears one Subscription Identifier; they leave
   * together. The core reads the filters later, so they stay until it has its answer.
   */
  async #ask(command: "subscribe" | "unsubscribe", filters: readonly Filter[], properties: Uint8Array, signal?: AbortSignal) {
    const numbers = filters.map(({ number }) => number);
    for (const filter of filters) filter.asking++;
    try {
      const answers = (command === "subscribe" ? numbers.map((number) => [number]) : [numbers]).map((packet) => {
        this.engine.put(join([new Uint8Array(Uint32Array.from(packet).buffer), properties]));
        const error = this.engine.command(command, this.#operations.next(), packet.length, properties.length);
        return error > 0 ? Promise.reject(coreError(error, command)) : this.#operations.wait(command, signal);
      });
      let reasonString: string | undefined;
      let failed: PromiseRejectedResult | undefined;
      const codes = (await Promise.allSettled(answers)).flatMap((answer) => {
        if (answer.status === "rejected") return (failed = answer), 0x80;
        reasonString ??= answer.value.properties.reasonString;
        return answer.value.codes ?? [];
      });
      if (failed && codes.every((code) => code >= 0x80)) throw failed.reason;
      return { codes, reasonString };
    } finally {
      this.#settle(filters);
    }
  }

  #settle(filters: Iterable<Filter>): void {
    for (const filter of filters) {
      filter.asking--;
      this.#tidy(filter);
    }
  }

  #leave(consumers: readonly Consumer[]): void {
    for (const consumer of consumers) {
      const { filter } = consumer;
      filter.consumers = filter.consumers.filter((other) => other !== consumer);
      this.#tidy(filter);
    }
  }

  /** Forgets a filter that nobody uses any more. */
  #tidy({ name, number, consumers, asking }: Filter): void {
    if (consumers.length > 0 || asking > 0 || !this.#filters.delete(name)) return;
    this.engine.command("forget_filter", number);
    this.#byNumber[number] = undefined;
    this.#retired.push(number);
  }

  // ---- the session ----

  /** The records of a turn are walked. */
  flushed(): void {
    this.#free.push(...this.#retired.splice(0));
  }

  /** The core subscribes again, so that retained messages come once more, for all. */
  sessionLost(): void {
    for (const { consumers, generation } of this.#filters.values()) {
      for (const consumer of consumers) consumer.generation = generation;
    }
  }

  refused(number: number, reasonCode: number): void {
    const { name, consumers } = this.#byNumber[number]!;
    const error = new MqttError("SUBSCRIBE_REFUSED", "subscribe", { reasonCode, detail: `"${name}"` });
    const gone = consumers.filter(subscribes);
    for (const { subscription } of gone) subscription.finish(error);
    this.#leave(gone);
    this.#report(error);
  }

  /** The client is closed: all loops end. */
  finish(error: MqttError | undefined): void {
    for (const { consumers } of this.#filters.values()) {
      for (const { subscription } of consumers) {
        subscription.finish(error);
        subscription.consumers.length = 0;
      }
    }
    this.#filters.clear();
  }
}

/**
 * Of the filters that a message matches, those that its Subscription Identifiers name (5.0 §3.3.4): a server may send one
 * copy for each subscription that overlaps. Routes hear every copy.
 */
function identify(matches: readonly Filter[], bytes: Uint8Array, at: number, length: number): readonly Filter[] {
  const identifiers = [parseProperties(bytes, at, length).subscriptionIdentifier].flat();
  const isNamed = ({ number, consumers }: Filter) => identifiers.includes(number + 1) && consumers.some(subscribes);
  // Identifiers that are not ours come from a session that another program has begun.
  return matches.some(isNamed) ? matches.filter((filter) => isNamed(filter) || !filter.consumers.some(subscribes)) : matches;
}

/** Has the consumer had the filter's retained messages, which are sent again for one that came later? */
function isServed({ filter, subscribes, generation }: Consumer): boolean {
  if (!subscribes || generation === filter.generation) return false;
  // Until the last SUBSCRIBE is answered they may still be those of the one before it.
  return filter.asking === 0 && (filter.options & RETAIN_AS_PUBLISHED) === 0;
}

/** A message that is acknowledged by hand: when all who hold it have answered, and it was handed to all of them. */
class Held implements Holding {
  waiting = 1;
  readonly #engine: Engine<Filter>;
  readonly #serial: number;
  #reason = 0;

  constructor(engine: Engine<Filter>, serial: number) {
    this.#engine = engine;
    this.#serial = serial;
    engine.command("hold", serial);
  }

  answer(reasonCode: number): void {
    this.#reason = Math.max(this.#reason, reasonCode);
    if (--this.waiting === 0) this.#engine.acknowledge(this.#serial, this.#reason);
  }
}
