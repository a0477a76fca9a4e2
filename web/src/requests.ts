// Ask and answer (5.0 §4.10): questions name a topic of this client, and answers find their question by Correlation Data.
import type { Client, PublishOptions } from "./client.js";
import { decodeText } from "./engine/memory.js";
import { MqttError } from "./errors.js";
import type { Message } from "./message.js";
import { randomName } from "./options.js";
import { checkInteger, NO_BYTES } from "./properties.js";
import { Queue } from "./queue.js";
import { checkSignal, onAbort } from "./signal.js";
import type { Subscription } from "./subscription.js";

/** Options of `request()` and `requestMany()`. */
export interface RequestOptions extends PublishOptions {
  /** ms to wait for an answer. Default 30,000. */
  timeout?: number;
}

export class Requests {
  readonly #client: Client;
  readonly #answers = new Map<string, Queue<Message>>(); // by Correlation Data
  #asked = 0;
  #topic = "";
  #subscribed: Promise<unknown> | undefined;
  #subscription: Subscription | undefined;

  constructor(client: Client) {
    this.#client = client;
  }

  /** @throws TypeError, RangeError for a mistake in the options */
  check({ timeout = 0, signal }: RequestOptions): void {
    if (timeout !== Infinity) checkInteger("timeout", timeout, 0, 0x7fffffff);
    checkSignal(signal);
  }

  async one(topic: string, payload: unknown, options: RequestOptions): Promise<Message> {
    for await (const answer of this.many(topic, payload, options)) return answer;
    throw undefined; // never: a loop without an answer throws
  }

  async *many(topic: string, payload: unknown, options: RequestOptions): AsyncGenerator<Message, undefined> {
    const { timeout = 30_000, ...publishing } = options;
    const key = String(++this.#asked);
    const answers = new Queue<Message>();
    let some = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const wait = () => {
      clearTimeout(timer);
      // Silence after the last answer is no failure.
      if (timeout === Infinity || answers.ended) return;
      timer = setTimeout(() => answers.end(some ? undefined : new MqttError("TIMEOUT", "publish", { detail: `"${topic}"` })), timeout);
    };
    const failed = (error: Error) => answers.end(error);
    const release = onAbort(options.signal, (cause) => failed(new MqttError("CANCELLED", "publish", { cause })));
    try {
      if (this.#client.server && this.#client.server.version < 5) {
        throw new MqttError("UNSUPPORTED", "publish", { detail: "Response Topic is of MQTT 5.0" });
      }
      if (options.signal?.aborted) return yield* answers.loop(); // throws
      wait();
      this.#answers.set(key, answers);
      this.#subscribe().catch(failed);
      const correlationData = new TextEncoder().encode(key);
      const asking = { ...publishing, properties: { ...options.properties, responseTopic: this.#topic, correlationData } };
      this.#client.publish(topic, payload, asking).catch(failed);
      for await (const answer of answers.loop()) {
        some = true;
        wait();
        yield answer;
      }
    } finally {
      clearTimeout(timer);
      release();
      this.#answers.delete(key);
    }
    return undefined;
  }

  /** To the answers; SUBSCRIBE leaves before the question. */
  #subscribe(): Promise<unknown> {
    this.#topic ||= `${this.#client.server?.responseInformation ?? "tarta/answers"}/${randomName()}`;
    if (this.#subscription?.ended) this.#subscribed = undefined; // as the server did not restore it
    this.#subscribed ??= this.#client
      .subscribe(this.#topic, { qos: 1, params: false }, (message) => {
        message.detach(); // it may wait for its loop
        this.#answers.get(decodeText(message.properties.correlationData ?? NO_BYTES))?.push(message);
      })
      .then((subscription) => (this.#subscription = subscription))
      .catch((error: unknown) => {
        this.#subscribed = undefined;
        throw error;
      });
    return this.#subscribed;
  }

  /** The client is closed. */
  finish(error: MqttError): void {
    for (const answers of this.#answers.values()) answers.end(error);
  }
}
