/// <reference lib="esnext.disposable" preserve="true" />
import { MqttError } from "./errors.js";
import type { SubackProperties, SubscribeProperties } from "./generated/properties.js";
import type { Message, QoS } from "./message.js";
import { parsePattern, type Pattern } from "./patterns.js";
import { checkInteger, checkSpelling, encodeProperties } from "./properties.js";
import { Queue, type Overflow } from "./queue.js";
import { checkSignal, onAbort } from "./signal.js";
import type { Consumer } from "./subscriptions.js";

/** What a handler returns is not waited for; that a promise of it rejects is told as an `error` event. */
export type Handler<Value = Message> = (value: Value) => unknown;

/** What a subscription may say of one filter. */
export interface FilterOptions {
  /** The highest QoS that messages arrive with. Default 0. */
  qos?: QoS;
  /** Whether the client's own messages are left out; 5.0. Default false. */
  noLocal?: boolean;
  /** Whether messages keep the RETAIN flag that they were published with; 5.0. Default false. */
  retainAsPublished?: boolean;
  /** Retained messages are sent: 0 always (default), 1 if the subscription is new, 2 never; 5.0. */
  retainHandling?: 0 | 1 | 2;
}

/** One of several filters, with its own options. */
export interface FilterRequest extends FilterOptions {
  filter: string;
}

/** What waits for a loop. */
export interface BufferOptions {
  /** Messages that may wait for the loop. Default 1000. */
  buffer?: number;
  /** What happens when there are more. Default `"drop-oldest"`; `stats.dropped` counts them, an `error` event tells of QoS 1 and 2. */
  overflow?: Overflow;
}

/** Options of `subscribe()`; those of FilterOptions are the defaults for all filters. */
export interface SubscribeOptions extends FilterOptions, BufferOptions {
  /** Whether `{name}` and `{name...}` stand for `+` and `#`. Default true. */
  params?: boolean;
  /**
   * `"manual"`: messages of QoS 1 and 2 are acknowledged with `ack()` or `reject()`, by a loop when it asks for the next; one that
   * a loop is left with begins the next loop. Default `"auto"`: as soon as its handler has returned, or it waits for its loop.
   */
  ack?: "auto" | "manual";
  /** Properties of SUBSCRIBE (5.0 §3.8.2.1). */
  properties?: SubscribeProperties;
  /** Ends the subscription; before the server has answered, the promise rejects with `CANCELLED`. */
  signal?: AbortSignal;
}

/** One filter of a call to subscribe(), checked. */
export interface Wish {
  pattern: Pattern;
  /** The byte of SUBSCRIBE (5.0 §3.8.3.1). */
  options: number;
}

const NAMES = " filter qos noLocal retainAsPublished retainHandling buffer overflow params ack properties signal ";

/** @throws TypeError, RangeError */
export function readWishes(
  filters: string | FilterRequest | readonly (string | FilterRequest)[], options: SubscribeOptions,
): Wish[] {
  const list = Array.isArray(filters) ? filters : [filters];
  if (list.length === 0) throw new TypeError("at least one filter is needed");
  for (const named of [options, ...list]) if (typeof named === "object") checkSpelling(named as object, NAMES);
  const { ack = "auto", overflow = "drop-oldest" } = options;
  if (!["auto", "manual"].includes(ack)) throw new TypeError("ack must be one of auto,manual");
  if (!["drop-oldest", "drop-newest"].includes(overflow)) throw new TypeError("overflow must be one of drop-oldest,drop-newest");
  checkSignal(options.signal);
  if (ack === "manual" && options.overflow !== undefined) {
    // Acknowledgements leave in order (5.0 §4.6): one for a dropped message would acknowledge what came before it.
    throw new RangeError("manual acknowledgement and a dropping overflow rule exclude each other");
  }
  const { userProperties, ...others } = options.properties ?? {};
  if (Object.keys(others).length > 0) throw new TypeError("SUBSCRIBE takes userProperties alone: the client gives the identifiers");
  encodeProperties({ userProperties } as SubscribeProperties);
  if (options.buffer !== undefined && options.buffer !== Infinity) checkInteger("buffer", options.buffer, 1, 2 ** 32);
  return list.map((one: string | FilterRequest) => {
    const request: FilterRequest = typeof one === "string" ? { ...options, filter: one } : { ...options, ...one };
    const qos = checkInteger("qos", request.qos ?? 0, 0, 2);
    const retainHandling = checkInteger("retainHandling", request.retainHandling ?? 0, 0, 2);
    const flags = (request.noLocal ? 4 : 0) | (request.retainAsPublished ? 8 : 0);
    return { pattern: parsePattern(request.filter, options.params !== false), options: qos | flags | (retainHandling << 4) };
  });
}

/** What has subscriptions. */
export interface SubscriptionOwner {
  /** Counts messages that were dropped. */
  dropped: number;
  report(error: unknown): void;
  unsubscribe(subscription: Subscription, signal?: AbortSignal): Promise<void>;
}

/** One call of `subscribe()`, `batch()` or `route()`. Without a handler, its messages wait for `for await`. */
export class Subscription implements AsyncIterable<Message> {
  /** The filters, as they were asked for. */
  readonly filters: readonly string[];
  /** A reason code for each filter: the granted QoS, or 0x80 and above for a refusal. */
  granted: readonly number[] = [];
  /** What the server has said beside the codes; of several filters, what it said first. */
  properties: SubackProperties = {};

  /** @internal */ readonly manual: boolean;
  /** @internal The number of the last message that was handed out: it comes once, however many of the filters match. */
  last = -1;
  /** @internal */ readonly consumers: Consumer[] = [];
  /** @internal */ ended = false;
  /** Is told what it ends with, where the server has ended it. @internal */
  onrefused: ((error: Error) => void) | undefined;
  readonly #owner: SubscriptionOwner;
  readonly #handler: Handler | undefined;
  readonly #buffer: number;
  readonly #overflow: Overflow;
  #queue: Queue<Message> | undefined;
  readonly #left = new WeakSet<Message>(); // that loops were left with, and have not acknowledged: the next begins with them
  #stale: Message[] = []; // have waited when the connection was lost
  readonly #lost = new WeakSet<Message>(); // that the server has lost, so that they do not come again
  #resumed = 0; // how often the session has gone on with another connection
  #isDropping = false; // since it was told so
  #ending: Promise<void> | undefined;
  #error: Error | undefined;
  #release: (() => void) | undefined;

  /** @internal */
  constructor(owner: SubscriptionOwner, filters: readonly string[], options: SubscribeOptions, handler: Handler | undefined) {
    const { ack, buffer = 1000, overflow = "drop-oldest" } = options;
    this.#owner = owner;
    this.filters = filters;
    this.manual = ack === "manual";
    this.#buffer = this.manual ? Infinity : buffer;
    this.#overflow = overflow;
    this.#handler = handler;
    if (!handler) this.#queue = new Queue();
  }

  /** Hands out a message. @internal */
  readonly deliver = (message: Message): unknown => {
    if (this.#queue) this.#wait(this.#queue, message);
    return this.#handler?.(message);
  };

  #wait(queue: Queue<Message>, message: Message): void {
    const { values } = queue;
    message.detach();
    queue.push(message);
    if (values.length === 1) this.#isDropping = false;
    if (values.length <= this.#buffer) return;
    const { qos } = values[this.#overflow === "drop-oldest" ? "shift" : "pop"]()!;
    this.#owner.dropped++;
    if (qos === 0 || this.#isDropping) return;
    this.#isDropping = true;
    this.#owner.report(new MqttError("DROPPED", "session", { detail: `the loop over "${this.filters.join('", "')}" is too slow` }));
  }

  /** The connection is over: what is to be acknowledged comes again, if the session goes on. @internal */
  lost(): void {
    this.#stale.unshift(...(this.#queue?.take((message) => message.unanswered && !this.#lost.has(message)) ?? []));
  }

  /** There is a connection again. @internal */
  connected(sessionPresent: boolean): void {
    this.lost(); // what loops were left with meanwhile
    const stale = this.#stale.splice(0);
    if (sessionPresent) this.#resumed++;
    else {
      for (const message of stale) this.#lost.add(message);
      this.#queue?.putBack(stale);
    }
  }

  /** A loop is left with a message that is not acknowledged. It had it when the session had gone on `resumed` times. */
  #leave(queue: Queue<Message>, message: Message, resumed: number): void {
    let left: Message | undefined = message;
    if (resumed === this.#resumed || this.#lost.has(message)) queue.putBack([message]);
    else left = queue.values.find(({ unanswered }) => unanswered); // it has come again
    if (left) this.#left.add(left);
  }

  /** Has the subscription end when the signal aborts. @internal */
  endWith(signal: AbortSignal | undefined): void {
    this.#release = onAbort(signal, () => void this.unsubscribe().catch(() => {}));
  }

  /** Ends the loops over it. @internal */
  finish(error?: Error): void {
    this.#error ??= this.ended ? undefined : error;
    this.ended = true;
    this.#queue?.end(error);
    this.#release?.();
  }

  /** The loop is over, and nobody will take what waits: it must not hold up what came after it. @internal */
  discard(): void {
    for (const message of this.#queue?.values.splice(0) ?? []) if (!this.#left.has(message)) message.ack();
  }

  /**
   * Ends the delivery at once, and the subscription at the server with the last user of its filter. Resolves when the
   * server has answered; with `signal` the server is not asked any more, or its answer not waited for.
   *
   * @throws MqttError `UNSUBSCRIBE_REFUSED`, `CANCELLED`, or what ends the client
   */
  unsubscribe({ signal }: { signal?: AbortSignal } = {}): Promise<void> {
    return (this.#ending ??= this.#owner.unsubscribe(this, signal));
  }

  /** A loop over the messages. It ends with the subscription or the client, and throws what the client failed with. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Message, undefined> {
    const queue = (this.#queue ??= new Queue());
    if (this.ended) queue.end(this.#error);
    for await (const message of queue.loop()) {
      if (this.#left.delete(message) && !message.unanswered) continue; // it has been answered since
      const resumed = this.#resumed;
      try {
        yield message;
        message.ack();
      } finally {
        if (message.unanswered) this.#leave(queue, message, resumed);
      }
    }
    return undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.unsubscribe();
  }
}
