// Who gets which message: the filters that the core matches, and the subscriptions that use them.
import { MessageFlag } from "./engine/abi.js";
import type { Engine } from "./engine/engine.js";
import type { Deliveries, Restoring, Topic } from "./engine/records.js";
import { join } from "./engine/walk.js";
import { coreError, MqttError } from "./errors.js";
import type { SubackProperties } from "./generated/properties.js";
import { Handlers, Held } from "./handlers.js";
import { Message, restOf } from "./message.js";
import { matchesTopic, NO_LOCAL } from "./names.js";
import type { Operations } from "./operations.js";
import { namesOf, type Pattern } from "./patterns.js";
import { encodeProperties, NO_BYTES, parseProperties, toBytes } from "./properties.js";
import { Subscription, type Handler, type SubscribeOptions, type SubscriptionOwner, type Wish } from "./subscription.js";
import { Unclaimed } from "./unclaimed.js";

// Bits of the options byte of SUBSCRIBE (5.0 §3.8.3.1).
const QOS = 3;
const RETAIN_AS_PUBLISHED = 8;

const OF_ONE_FILTER = /NOT_SUPPORTED|TOO_LARGE/; // error codes

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
  /** Whether the server has granted it, and not been asked to forget it. */
  held: boolean;
  /** Whether a client before this one has subscribed to it. */
  readonly restored: boolean;
}

/** One filter of one subscription. */
export interface Consumer {
  readonly filter: Filter;
  readonly subscription: Subscription;
  readonly pattern: Pattern | undefined;
  /** Unlike a route. */
  readonly subscribes: boolean;
  generation: number;
}

const subscribes = (consumer: Consumer) => consumer.subscribes;

export class Subscriptions extends Handlers implements Deliveries<Filter>, Restoring, SubscriptionOwner {
  /** Gets every message, whatever it matches. Returns whether anybody wants it. */
  onmessage: ((message: Message) => boolean) | undefined;
  engine!: Engine<Filter>;
  /** Acknowledges the messages up to a serial, which have been handed out. */
  acknowledge = (through: number): void => this.engine.delivered(through);
  /** Does something when all that was handed out has been handled. */
  whenHandled = (act: () => void): void => act();

  readonly #operations: Operations;
  readonly #filters = new Map<string, Filter>();
  readonly #byNumber: (Filter | undefined)[] = [];
  readonly #free: number[] = [];
  readonly #unclaimed = new Unclaimed<Filter, Consumer>(({ name }, count) => {
    this.dropped += count;
    this.report(new MqttError("UNCLAIMED", "session", { detail: `"${name}", ${count} of them` }));
  });
  #late: Subscription[] | undefined; // came while there was no connection: what they get is known with the next
  #offline: object | undefined = {}; // stands for this time without a connection
  readonly #retired: number[] = []; // free after the walk: a record that is still to be walked may name them

  constructor(operations: Operations, report: (error: unknown) => void) {
    super(report);
    this.#operations = operations;
  }

  protected get halted(): boolean {
    return this.engine.halted;
  }

  // ---- messages ----

  matched(topic: Topic<Filter>, words: Uint32Array, from: number, end: number): void {
    const matches: Filter[] = [];
    for (let at = from; at < end; at++) {
      const filter = this.#byNumber[words[at]!];
      if (filter) matches.push(filter);
    }
    topic.matches = matches;
  }

  message(
    topic: Topic<Filter>, flags: number, buffer: ArrayBuffer, at: number, length: number,
    propertiesAt: number, propertiesLength: number, serial: number,
  ): void {
    const number = ++this.received;
    const acknowledged = (flags & MessageFlag.acknowledged) !== 0;
    let held: Held | undefined;
    let given = false; // to a subscription, which leaves it to others as well
    let taken = false; // by what takes all that comes
    let { matches } = topic;
    if (flags & MessageFlag.identified) matches = this.#identify(matches, new Uint8Array(buffer, propertiesAt, propertiesLength));
    for (const filter of matches) {
      for (const consumer of filter.consumers) {
        const { subscription, pattern } = consumer;
        if (subscription.ended || subscription.last === number || this.halted) continue;
        if (flags & MessageFlag.retain && isServed(consumer)) continue;
        subscription.last = number;
        if (consumer.subscribes) given = true;
        else taken = true;
        let holding: Held | undefined;
        if (subscription.manual && acknowledged) {
          holding = held ??= this.#hold(serial);
          held.waiting++;
        }
        const rest = restOf(propertiesAt, propertiesLength, pattern, holding);
        this.call(subscription.deliver, new Message(topic.name, flags, buffer, at, length, rest));
      }
    }
    if (this.onmessage && !this.halted) {
      taken = this.onmessage(new Message(topic.name, flags, buffer, at, length, restOf(propertiesAt, propertiesLength))) || taken;
    }
    if (acknowledged && !taken && !this.halted) {
      const filters = this.#unclaimed.open(matches, given);
      if (filters.size > 0) {
        held ??= this.#hold(serial);
        held.waiting++;
        this.#keep(topic, filters, given, held, (rest) => new Message(topic.name, flags, buffer, at, length, restOf(propertiesAt, propertiesLength, ...rest)));
      }
    }
    held?.answer(0);
  }

  /**
   * Of the filters that a message matches, those that its Subscription Identifiers name (5.0 §3.3.4): a server may send one
   * copy for each subscription that overlaps. Routes hear every copy.
   */
  #identify(matches: readonly Filter[], properties: Uint8Array): readonly Filter[] {
    const identifiers = [parseProperties(properties).subscriptionIdentifier].flat();
    const isUsed = ({ consumers }: Filter) => consumers.some(subscribes);
    const isNamed = (filter: Filter) => identifiers.includes(filter.number + 1) && (isUsed(filter) || this.#unclaimed.has(filter));
    const named = matches.filter(isNamed);
    // Identifiers that are not ours come from a session that another program has begun.
    if (named.length === 0) return matches;
    // What takes the place of a filter that nobody has come for is new: those that are as old have copies of their own.
    const isOpen = !named.some(isUsed);
    return matches.filter((filter) => isNamed(filter) || (isUsed(filter) ? isOpen && !filter.restored : !this.#unclaimed.has(filter)));
  }

  /** Has a message wait where somebody is likely to come for it. */
  #keep(
    topic: Topic<Filter>, filters: Set<Filter>, given: boolean, held: Held, make: (rest: [Pattern | undefined, Held | undefined]) => Message,
  ): void {
    const give = ({ subscription, pattern }: Consumer) => {
      if (this.halted) return;
      if (subscription.manual) held.waiting++;
      this.call(subscription.deliver, make([pattern, subscription.manual ? held : undefined]));
    };
    const message = { topic: topic.name, filters, given, give, done: () => this.whenHandled(() => held.answer(0)) };
    this.#unclaimed.keep(message);
    // A handler may have subscribed to what takes the place of a filter when the core had matched the message already.
    for (const filter of this.#filters.values()) {
      if (filter.held || filter.asking === 0 || topic.matches.includes(filter) || !matchesTopic(filter.name, topic.name)) continue;
      message.given = true;
      for (const consumer of filter.consumers) {
        if (consumer.subscription.last === this.received) continue;
        consumer.subscription.last = this.received;
        give(consumer);
      }
    }
  }

  /** Hands a new subscription what has waited for it: also by a filter that another one of the same purpose has replaced. */
  #claim(subscription: Subscription): void {
    if (this.#late) return void this.#late.push(subscription);
    const isNew = ({ filter: { name, held } }: Consumer, topic: string) => !held && matchesTopic(name, topic);
    const handled = this.#unclaimed.claim([...subscription.consumers], isNew);
    if (!handled) return;
    this.runTasks();
    for (const message of handled) message.done();
  }

  /** Has a message wait for its handlers' acknowledgement. */
  #hold(serial: number): Held {
    this.engine.command("hold", serial);
    return new Held((reason) => void (this.halted || this.engine.acknowledge(serial, reason)));
  }

  chunkEnd(through: number | undefined): void {
    this.runTasks();
    if (through !== undefined) this.acknowledge(through);
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
    const consumers = [...subscription.consumers];
    const offline = this.#offline;
    for (const consumer of consumers) {
      const { filter } = consumer;
      // Those whose SUBSCRIBE packets are under way together are served together: who tells their answers apart?
      consumer.generation = filter.asking > 0 ? filter.generation : ++filter.generation;
    }
    try {
      const { codes, properties: told } = await this.#ask("subscribe", consumers.map(({ filter }) => filter), properties, signal);
      const refused = consumers.filter((_, index) => codes[index]! >= 0x80);
      if (refused.length === consumers.length) {
        throw new MqttError("SUBSCRIBE_REFUSED", "subscribe", { reasonCode: codes[0], reasonString: told.reasonString });
      }
      for (const consumer of consumers) consumer.filter.held ||= !refused.includes(consumer);
      this.#giveUp(refused);
      subscription.granted = codes;
      subscription.properties = told;
      subscription.endWith(signal);
      return subscription;
    } catch (error) {
      // A SUBSCRIBE that was cancelled may have reached the server, if there has been a connection.
      const isUnheard = offline && offline === this.#offline;
      if ((error as MqttError).code === "CANCELLED" && !isUnheard) this.unsubscribe(subscription).catch(() => {});
      this.#giveUp(consumers);
      subscription.discard();
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
        const consumer = { filter, subscription, pattern: namesOf(wish.pattern), subscribes: subscribing, generation };
        filter.consumers = [...filter.consumers, consumer];
        consumers.push(consumer);
      }
    } catch (error) {
      this.#leave(consumers);
      throw error;
    }
    this.#claim(subscription);
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
    const filter = known ?? { number, name, options: byte, consumers: [], generation: 0, asking: 0, held: false, restored: false };
    filter.options = byte;
    this.#filters.set(name, filter);
    return (this.#byNumber[number] = filter);
  }

  /** What a client before this one has subscribed to. The server holds it, until somebody subscribes here and unsubscribes. */
  restore(number: number, name: string, options: number): void {
    const filter = { number, name, options, consumers: [], generation: 0, asking: 0, held: true, restored: true };
    this.#filters.set(name, filter);
    while (this.#byNumber.length < number) this.#free.push(this.#byNumber.push(undefined) - 1);
    if (number < this.#byNumber.length) this.#free.splice(this.#free.indexOf(number), 1);
    this.#byNumber[number] = filter;
    this.#unclaimed.add(filter);
  }

  async unsubscribe(subscription: Subscription, signal?: AbortSignal): Promise<void> {
    subscription.finish();
    const { consumers } = subscription;
    const used = new Set(consumers.filter(subscribes).map(({ filter }) => filter));
    for (const filter of used) filter.asking++; // so that they stay until the server is told
    this.#leave(consumers);
    const left = [...used].filter((filter) => !filter.consumers.some(subscribes));
    for (const filter of left) filter.held = false;
    const asked = left.length > 0 ? this.#ask("unsubscribe", left, NO_BYTES, signal) : undefined;
    this.#settle(used);
    const { codes, properties: { reasonString } } = (await asked) ?? { codes: [], properties: {} };
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
        this.engine.put(new Uint8Array(join([new Uint8Array(Uint32Array.from(packet).buffer), properties])));
        const error = this.engine.command(command, this.#operations.next(), packet.length, properties.length);
        return error > 0 ? Promise.reject(coreError(error, command)) : this.#operations.wait(command, signal);
      });
      let told: SubackProperties = {};
      let failed: PromiseRejectedResult | undefined;
      const codes = (await Promise.allSettled(answers)).flatMap((answer) => {
        if (answer.status === "rejected") {
          // What concerns one filter alone counts as its refusal; what else may happen is the end of all.
          if (!OF_ONE_FILTER.test((answer.reason as MqttError).code) || !failed) failed = answer;
          return 0x80;
        }
        told = { ...answer.value.properties, ...told };
        return answer.value.codes ?? [];
      });
      if (failed && (codes.every((code) => code >= 0x80) || !OF_ONE_FILTER.test((failed.reason as MqttError).code))) throw failed.reason;
      return { codes, properties: told };
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

  /** As #leave(), for those that were refused. The server may still hold a filter for one who has left meanwhile. */
  #giveUp(consumers: readonly Consumer[]): void {
    const filters = consumers.map(({ filter }) => filter);
    const left = filters.filter(({ held, consumers: all }) => held && !all.some((one) => one.subscribes && !consumers.includes(one)));
    for (const filter of left) filter.held = false;
    if (left.length > 0 && !this.engine.halted) this.#ask("unsubscribe", left, NO_BYTES).catch(() => {});
    this.#leave(consumers);
  }

  #leave(consumers: readonly Consumer[]): void {
    for (const consumer of [...consumers]) {
      const { filter, subscription } = consumer;
      filter.consumers = filter.consumers.filter((other) => other !== consumer);
      // Retained messages that were sent for this one alone are not for those that are left, nor are others kept from them.
      filter.generation = Math.max(0, ...filter.consumers.map(({ generation }) => generation));
      subscription.consumers.splice(subscription.consumers.indexOf(consumer) >>> 0, 1);
      this.#tidy(filter);
    }
  }

  /** Forgets a filter that nobody uses any more. */
  #tidy(filter: Filter): void {
    const { name, number, consumers, asking, held } = filter;
    if (consumers.length > 0 || asking > 0 || this.#filters.get(name) !== filter) return;
    if (held) return this.#unclaimed.add(filter); // routes alone have used it
    this.#filters.delete(name);
    this.engine.command("forget_filter", number);
    this.#byNumber[number] = undefined;
    this.#retired.push(number);
  }

  // ---- the session ----

  /** The records of a turn are walked. */
  flushed(): void {
    this.#free.push(...this.#retired.splice(0));
  }

  override lost(): void {
    this.#late ??= [];
    this.#offline ??= {};
    this.#unclaimed.lost();
    super.lost();
  }

  override connected(sessionPresent: boolean): void {
    super.connected(sessionPresent);
    this.#unclaimed.connected(sessionPresent);
    const late = this.#late ?? [];
    this.#late = this.#offline = undefined;
    for (const subscription of late) this.#claim(subscription);
  }

  protected *subscriptions(): Iterable<Subscription> {
    for (const { consumers } of this.#filters.values()) for (const { subscription } of consumers) yield subscription;
  }

  /** The core subscribes again, so that retained messages come once more, for all. */
  sessionLost(): void {
    for (const { consumers, generation } of this.#filters.values()) {
      for (const consumer of consumers) consumer.generation = generation;
    }
  }

  refused(number: number, reasonCode: number): void {
    const filter = this.#byNumber[number];
    if (!filter) return; // given up meanwhile
    const { name, consumers } = filter;
    const error = new MqttError("SUBSCRIBE_REFUSED", "subscribe", { reasonCode, detail: `"${name}"` });
    const gone = consumers.filter(subscribes);
    filter.held = false;
    for (const { subscription } of gone) {
      subscription.finish(error);
      subscription.onrefused?.(error);
    }
    this.#leave(gone);
    this.report(error);
  }

  /** The client is closed: all loops end. */
  finish(error: MqttError | undefined): void {
    this.#unclaimed.lost();
    for (const { consumers } of this.#filters.values()) {
      for (const { subscription } of consumers) {
        subscription.finish(error);
        subscription.consumers.length = 0;
      }
    }
    this.#filters.clear();
  }
}

/** Has the consumer had the filter's retained messages, which are sent again for one that came later? */
function isServed({ filter, subscribes, generation }: Consumer): boolean {
  if (!subscribes || generation === filter.generation) return false;
  // Until the last SUBSCRIBE is answered they may still be those of the one before it.
  return filter.asking === 0 && (filter.options & RETAIN_AS_PUBLISHED) === 0;
}
