// Who gets which message of those that a Worker hands over. For whom each is, the Worker has decided.
import { MessageFlag } from "../engine/abi.js";
import type { Deliveries, Topic } from "../engine/records.js";
import { Handlers, Held } from "../handlers.js";
import { Message, restOf } from "../message.js";
import { namesOf, type Pattern } from "../patterns.js";
import { Subscription, type Handler, type SubscribeOptions, type SubscriptionOwner, type Wish } from "../subscription.js";
import type { RemoteWish } from "./protocol.js";

/** One filter of one subscription. */
export interface Consumer {
  readonly subscription: Subscription;
  readonly pattern: Pattern | undefined;
}

/** The other side. */
interface Worker {
  acknowledge(serial: number, reason: number): void;
  unsubscribe(id: number, signal: AbortSignal | undefined): Promise<void>;
  halted(): boolean;
}

export class RemoteSubscriptions extends Handlers implements Deliveries<Consumer>, SubscriptionOwner {
  /** Gets every message, whatever it matches. */
  onmessage: ((message: Message) => boolean) | undefined;
  readonly #worker: Worker;
  readonly #subscriptions = new Map<number, { subscription: Subscription; numbers: number[] }>();
  readonly #consumers = new Map<number, Consumer>(); // by numbers that are never used again: MATCH may come late
  #last = 0; // of these numbers, and of those of subscriptions

  constructor(report: (error: unknown) => void, worker: Worker) {
    super(report);
    this.#worker = worker;
  }

  protected get halted(): boolean {
    return this.#worker.halted();
  }

  // ---- messages ----

  matched(topic: Topic<Consumer>, words: Uint32Array, from: number, end: number): void {
    const matches: Consumer[] = [];
    for (let at = from; at < end; at++) {
      const consumer = this.#consumers.get(words[at]!);
      if (consumer) matches.push(consumer);
    }
    topic.matches = matches;
  }

  message(
    topic: Topic<Consumer>, flags: number, buffer: ArrayBuffer, at: number, length: number,
    propertiesAt: number, propertiesLength: number, serial: number,
  ): void {
    this.received++;
    let held: Held | undefined;
    for (const { subscription, pattern } of topic.matches) {
      if (subscription.ended || this.halted) continue;
      if (subscription.manual && flags & MessageFlag.acknowledged) {
        held ??= new Held((reason) => this.#worker.acknowledge(serial, reason));
        held.waiting++;
      }
      const holding = subscription.manual ? held : undefined;
      const rest = restOf(propertiesAt, propertiesLength, pattern, holding);
      this.call(subscription.deliver, new Message(topic.name, flags, buffer, at, length, rest));
    }
    if (held) held.answer(0);
    else if (flags & MessageFlag.acknowledged) this.#worker.acknowledge(serial, 0); // those that were to answer are gone
    if (this.onmessage && !this.halted) {
      this.onmessage(new Message(topic.name, flags, buffer, at, length, restOf(propertiesAt, propertiesLength)));
    }
  }

  chunkEnd(): void {
    this.runTasks();
  }

  protected *subscriptions(): Iterable<Subscription> {
    for (const { subscription } of this.#subscriptions.values()) yield subscription;
  }

  // ---- subscriptions ----

  /** A subscription, before the Worker knows of it. `id` and `wishes` are for the Worker. */
  join(wishes: readonly Wish[], options: SubscribeOptions, handler: Handler | undefined): { subscription: Subscription; id: number; wishes: RemoteWish[] } {
    const subscription = new Subscription(this, wishes.map(({ pattern }) => pattern.filter), options, handler);
    const id = ++this.#last;
    const remote = wishes.map(({ pattern, options: byte }) => {
      const number = ++this.#last;
      this.#consumers.set(number, { subscription, pattern: namesOf(pattern) });
      return { filter: pattern.filter, options: byte, number };
    });
    this.#subscriptions.set(id, { subscription, numbers: remote.map(({ number }) => number) });
    return { subscription, id, wishes: remote };
  }

  /** Forgets a subscription. */
  leave(id: number): void {
    for (const number of this.#subscriptions.get(id)?.numbers ?? []) this.#consumers.delete(number);
    this.#subscriptions.delete(id);
  }

  async unsubscribe(subscription: Subscription, signal?: AbortSignal): Promise<void> {
    subscription.finish();
    const [id] = [...this.#subscriptions].find(([, one]) => one.subscription === subscription) ?? [];
    if (id === undefined) return; // the server has ended it
    this.leave(id);
    await this.#worker.unsubscribe(id, signal);
  }

  /** After a lost session the server did not take a subscription again, or one filter of it: unsubscribe() leaves the others. */
  refused(id: number, error: Error): void {
    this.#subscriptions.get(id)?.subscription.finish(error);
  }

  /** The client is closed: all loops end. */
  finish(error: Error | undefined): void {
    for (const { subscription } of this.#subscriptions.values()) subscription.finish(error);
    this.#subscriptions.clear();
    this.#consumers.clear();
  }
}
