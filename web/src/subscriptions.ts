// Who gets which message: the filters that the core matches, and the subscriptions that use them.
import { MessageFlag } from "./engine/abi.js";
import type { Engine } from "./engine/engine.js";
import type { Deliveries, Topic } from "./engine/records.js";
import { errorCode, MqttError, type ErrorCode } from "./errors.js";
import { Packet } from "./generated/properties.js";
import { Message, type Holding } from "./message.js";
import type { Operations } from "./operations.js";
import type { Pattern } from "./patterns.js";
import { encodeProperties, NO_BYTES, parseProperties } from "./properties.js";
import { Subscription, type Handler, type SubscribeOptions, type Wish } from "./subscription.js";
import { encodeText } from "./text.js";

const NO_LOCAL = 4;
const RETAIN_AS_PUBLISHED = 8;
const SHARED_BY_ALL = NO_LOCAL | RETAIN_AS_PUBLISHED; // options that the users of a filter must agree on

// What the server would have said to a filter that was not sent, as it does not take such filters.
const UNSENT: { [code in ErrorCode]?: number } = { SHARED_NOT_SUPPORTED: 0x9e, WILDCARD_NOT_SUPPORTED: 0xa2 };

/** A filter at the server, for all that use it. */
export interface Filter {
  readonly number: number;
  readonly name: string;
  /** The byte of SUBSCRIBE. */
  options: number;
  /** Never changed in place: it may be walked while handlers subscribe and unsubscribe. */
  consumers: readonly Consumer[];
  /** How many of the consumers have subscribed; the others are routes. */
  subscribers: number;
  /** Counts SUBSCRIBE packets: retained messages are for those that sent the last one. */
  generation: number;
  /** SUBSCRIBE and UNSUBSCRIBE packets under way. */
  operations: number;
}

/** One filter of one subscription. */
interface Consumer {
  readonly filter: Filter;
  readonly subscription: Subscription;
  readonly pattern: Pattern;
  readonly subscribes: boolean;
  generation: number;
  active: boolean;
}

/** What the client does for its subscriptions. */
export interface SubscriptionsOwner {
  /** A handler threw. */
  report(error: unknown): void;
  readonly operations: Operations;
}

export class Subscriptions implements Deliveries<Filter> {
  /** Messages that have arrived, and that were dropped as their loop was too slow. */
  received = 0;
  dropped = 0;
  /** Gets every message, whatever it matches. */
  onmessage: ((message: Message) => void) | undefined;
  engine!: Engine<Filter>;

  readonly #owner: SubscriptionsOwner;
  readonly #byName = new Map<string, Filter>();
  readonly #byNumber: (Filter | undefined)[] = [];
  readonly #free: number[] = [];
  readonly #retired: number[] = []; // free after the walk: a record that is still to be walked may name them
  #chunkEnd: (() => unknown)[] = [];

  constructor(owner: SubscriptionsOwner) {
    this.#owner = owner;
  }

  // ---- messages ----

  matched(topic: Topic<Filter>, filters: Uint32Array): void {
    const matches: Filter[] = [];
    for (const number of filters) {
      const filter = this.#byNumber[number];
      if (filter) matches.push(filter);
    }
    topic.matches = matches;
  }

  message(
    topic: Topic<Filter>, flags: number, bytes: Uint8Array<ArrayBuffer>, at: number, length: number,
    propertyBytes: Uint8Array<ArrayBuffer>, propertiesAt: number, propertiesLength: number, serial: number,
  ): void {
    const number = ++this.received;
    let holding: Held | undefined;
    const identified = flags & MessageFlag.identified;
    const matches = identified ? identify(topic.matches, propertyBytes, propertiesAt, propertiesLength) : topic.matches;
    for (const filter of matches) {
      for (const consumer of filter.consumers) {
        const { subscription } = consumer;
        if (!consumer.active || this.engine.halted || subscription.last === number) continue;
        if (flags & MessageFlag.retain && isServed(consumer)) continue;
        subscription.last = number;
        let held: Held | undefined;
        if (subscription.manual && flags & MessageFlag.acknowledged) {
          held = holding ??= new Held(this.engine, serial);
          held.waiting++;
        }
        const message = new Message(
          topic.name, flags, bytes, at, length, propertyBytes, propertiesAt, propertiesLength, consumer.pattern, held,
        );
        // A handler may throw, or return a promise that rejects: neither stops what comes after it.
        try {
          this.#watch(subscription.deliver(message));
        } catch (error) {
          this.#owner.report(error);
        }
      }
    }
    holding?.answer(0);
    if (this.onmessage && !this.engine.halted) {
      this.onmessage(
        new Message(topic.name, flags, bytes, at, length, propertyBytes, propertiesAt, propertiesLength, undefined, undefined),
      );
    }
  }

  #watch(result: unknown): void {
    if (result instanceof Promise) result.catch((error: unknown) => this.#owner.report(error));
  }

  /** Has `task` run when all messages of the chunk were handed out, before they are acknowledged. */
  atChunkEnd(task: () => unknown): void {
    this.#chunkEnd.push(task);
  }

  chunkEnd(): void {
    if (this.#chunkEnd.length === 0) return;
    const tasks = this.#chunkEnd;
    this.#chunkEnd = [];
    for (const task of tasks) {
      try {
        this.#watch(task());
      } catch (error) {
        this.#owner.report(error);
      }
    }
  }

  // ---- subscribing ----

  /** @throws TypeError for a filter that is none (5.0 §4.7) */
  subscribe(wishes: readonly Wish[], options: SubscribeOptions, handler: Handler | undefined): Promise<Subscription> {
    const { signal } = options;
    const properties = encodeProperties(options.properties, Packet.SUBSCRIBE);
    const conflict = wishes.find((wish) => this.#conflicts(wish));
    if (conflict) {
      const detail = `"${conflict.pattern.filter}", as to noLocal or retainAsPublished`;
      return Promise.reject(new MqttError("SUBSCRIPTION_CONFLICT", { phase: "subscribe", detail }));
    }
    const { subscription, consumers } = this.#join(wishes, options, handler, true);
    const filters = consumers.map(({ filter }) => filter);
    for (const consumer of consumers) consumer.generation = ++consumer.filter.generation;
    const wasAborted = signal?.aborted;
    const asked = this.#ask("subscribe", filters, properties, signal);
    return asked.then(
      ({ codes, reasonString }) => {
        subscription.granted = codes;
        const refused = consumers.filter((_, index) => codes[index]! >= 0x80);
        this.#leave(refused);
        if (refused.length === consumers.length) {
          throw new MqttError("SUBSCRIBE_REFUSED", { phase: "subscribe", reasonCode: codes[0], reasonString });
        }
        subscription.endWith(signal);
        return subscription;
      },
      (error: MqttError) => {
        // A SUBSCRIBE that was cancelled may have reached the server.
        if (error.code === "CANCELLED" && !wasAborted) void this.#unsubscribe(subscription).catch(() => {});
        else this.#leave(consumers);
        throw error;
      },
    );
  }

  /** For messages that arrive anyway: nothing is sent. */
  route(wishes: readonly Wish[], handler: Handler): Subscription {
    return this.#join(wishes, {}, handler, false).subscription;
  }

  #conflicts({ pattern, options }: Wish): boolean {
    const filter = this.#byName.get(pattern.filter);
    return filter !== undefined && filter.subscribers > 0 && ((filter.options ^ options) & SHARED_BY_ALL) !== 0;
  }

  #join(wishes: readonly Wish[], options: SubscribeOptions, handler: Handler | undefined, subscribes: boolean) {
    const subscription = new Subscription(
      { unsubscribe: (which) => this.#unsubscribe(which), dropped: () => this.dropped++ },
      wishes.map(({ pattern }) => pattern.filter), options, handler,
    );
    const consumers: Consumer[] = [];
    try {
      for (const wish of wishes) {
        const filter = this.#define(wish, subscribes);
        const { generation } = filter;
        const consumer: Consumer = { filter, subscription, pattern: wish.pattern, subscribes, generation, active: true };
        filter.consumers = [...filter.consumers, consumer];
        if (subscribes) filter.subscribers++;
        consumers.push(consumer);
      }
    } catch (error) {
      this.#leave(consumers);
      throw error;
    }
    return { subscription, consumers };
  }

  /** The filter of this name, made or with the options that the wish adds: the highest QoS that anyone asks for. */
  #define({ pattern, options, qos }: Wish, subscribes: boolean): Filter {
    const name = pattern.filter;
    const known = this.#byName.get(name);
    if (known && !subscribes) return known;
    const highest = known && known.subscribers > 0 ? Math.max(qos, known.options & 3) : qos;
    const byte = (options & ~3) | highest;
    const number = known?.number ?? this.#free.at(-1) ?? this.#byNumber.length;
    const error = this.engine.defineFilter(number, encodeText(name), byte);
    if (error > 0) {
      const code = errorCode(error);
      if (code === "INVALID_FILTER") throw new TypeError(`"${name}" is no valid topic filter`);
      throw new MqttError(code, { phase: "subscribe" });
    }
    if (known) {
      known.options = byte;
      return known;
    }
    if (number < this.#byNumber.length) this.#free.pop();
    const filter: Filter = { number, name, options: byte, consumers: [], subscribers: 0, generation: 0, operations: 0 };
    this.#byName.set(name, filter);
    this.#byNumber[number] = filter;
    return filter;
  }

  async #unsubscribe(subscription: Subscription): Promise<void> {
    subscription.finish();
    const consumers = [...this.#byName.values()].flatMap((filter) =>
      filter.consumers.filter((consumer) => consumer.subscription === subscription),
    );
    const before = new Set(consumers.filter(({ subscribes }) => subscribes).map(({ filter }) => filter));
    for (const filter of before) filter.operations++; // the core reads its name once more
    this.#leave(consumers);
    const left = [...before].filter(({ subscribers }) => subscribers === 0);
    const asked = left.length > 0 ? this.#ask("unsubscribe", left, NO_BYTES) : undefined;
    this.#settle(before);
    if (!asked) return;
    const { codes, reasonString } = await asked;
    const reasonCode = codes.find((code) => code >= 0x80);
    if (reasonCode === undefined) return;
    throw new MqttError("UNSUBSCRIBE_REFUSED", { phase: "unsubscribe", reasonCode, reasonString });
  }

  /**
   * Has the core ask the server. A SUBSCRIBE for each filter, as one packet bears one Subscription Identifier; they leave
   * together. The core reads the filters later, so they stay until it has its answer.
   */
  async #ask(command: "subscribe" | "unsubscribe", filters: readonly Filter[], properties: Uint8Array, signal?: AbortSignal) {
    const { operations } = this.#owner;
    const packets = command === "subscribe" ? filters.map(({ number }) => [number]) : [filters.map(({ number }) => number)];
    for (const filter of filters) filter.operations++;
    try {
      if (signal?.aborted) throw new MqttError("CANCELLED", { phase: command, cause: signal.reason });
      const answers = packets.map((numbers) => {
        const error = this.engine[command](operations.next(), numbers, properties);
        return error > 0 ? Promise.reject(new MqttError(errorCode(error), { phase: command })) : operations.wait(command, signal);
      });
      let reasonString: string | undefined;
      let failed: PromiseRejectedResult | undefined;
      const codes = (await Promise.allSettled(answers)).flatMap((answer) => {
        if (answer.status === "rejected") return (failed = answer), UNSENT[(answer.reason as MqttError).code] ?? 0x80;
        reasonString ??= answer.value.properties.reasonString;
        return answer.value.codes;
      });
      if (failed && codes.every((code) => code >= 0x80)) throw failed.reason;
      return { codes, reasonString };
    } finally {
      this.#settle(filters);
    }
  }

  #settle(filters: Iterable<Filter>): void {
    for (const filter of filters) {
      filter.operations--;
      this.#tidy(filter);
    }
  }

  #leave(consumers: readonly Consumer[]): void {
    for (const consumer of consumers) {
      const { filter } = consumer;
      if (!consumer.active) continue;
      consumer.active = false;
      filter.consumers = filter.consumers.filter((other) => other !== consumer);
      if (consumer.subscribes) filter.subscribers--;
      this.#tidy(filter);
    }
  }

  /** Forgets a filter that nobody uses any more. */
  #tidy(filter: Filter): void {
    if (filter.consumers.length > 0 || filter.operations > 0 || this.#byName.get(filter.name) !== filter) return;
    this.engine.forgetFilter(filter.number);
    this.#byName.delete(filter.name);
    this.#byNumber[filter.number] = undefined;
    this.#retired.push(filter.number);
  }

  // ---- the session ----

  /** The records of a turn are walked. */
  flushed(): void {
    if (this.#retired.length > 0) this.#free.push(...this.#retired.splice(0));
  }

  /** The core subscribes again, so that retained messages come once more, for all. */
  sessionLost(): void {
    for (const { consumers, generation } of this.#byName.values()) {
      for (const consumer of consumers) consumer.generation = generation;
    }
  }

  refused(number: number, reasonCode: number): void {
    const filter = this.#byNumber[number];
    if (!filter) return;
    const error = new MqttError("SUBSCRIBE_REFUSED", { phase: "subscribe", reasonCode, detail: `"${filter.name}"` });
    const gone = filter.consumers.filter(({ subscribes }) => subscribes);
    this.#leave(gone);
    for (const { subscription } of gone) subscription.finish(error);
    this.#owner.report(error);
  }

  /** The client is closed: all loops end. */
  finish(error: MqttError | undefined): void {
    for (const { consumers } of this.#byName.values()) {
      for (const { subscription } of consumers) subscription.finish(error);
    }
    this.#byName.clear();
  }
}

/**
 * Of the filters that a message matches, those that its Subscription Identifiers name (5.0 §3.3.4): a server may send one
 * copy for each subscription that overlaps. Routes hear every copy.
 */
function identify(matches: readonly Filter[], bytes: Uint8Array, at: number, length: number): readonly Filter[] {
  const { subscriptionIdentifier } = parseProperties(bytes, at, length);
  const identifiers = [subscriptionIdentifier].flat();
  const isNamed = ({ number, subscribers }: Filter) => subscribers > 0 && identifiers.includes(number + 1);
  // Identifiers that are not ours come from a session that another program has begun.
  return matches.some(isNamed) ? matches.filter((filter) => filter.subscribers === 0 || isNamed(filter)) : matches;
}

/** Has the consumer had the filter's retained messages, which are sent again for one that came later? */
function isServed({ filter, subscribes, generation }: Consumer): boolean {
  if (!subscribes || generation === filter.generation) return false;
  // Until the last SUBSCRIBE is answered they may still be those of the one before it.
  return filter.operations === 0 && (filter.options & RETAIN_AS_PUBLISHED) === 0;
}

/** A message that is acknowledged by hand: when all who hold it have answered, and it was handed to all of them. */
class Held implements Holding {
  waiting = 1;
  #reason = 0;

  constructor(
    private readonly engine: Engine<Filter>,
    private readonly serial: number,
  ) {
    engine.hold(serial);
  }

  answer(reasonCode: number): void {
    this.#reason = Math.max(this.#reason, reasonCode);
    if (--this.waiting === 0) this.engine.acknowledge(this.serial, this.#reason);
  }
}
