// Ask and answer (5.0 §4.10): questions name a topic of this client, and answers find their question by Correlation Data.
import type { Client, PublishOptions } from "./client.js";
import { MqttError } from "./errors.js";
import type { Message } from "./message.js";
import { randomName } from "./options.js";
import { Queue } from "./queue.js";

/** Options of `request()` and `requestMany()`. */
export interface RequestOptions extends PublishOptions {
  /** ms to wait for an answer. Default 30,000. */
  timeout?: number;
}

interface Question {
  answered(message: Message): void;
  failed(error: unknown): void;
}

export class Requests {
  readonly #client: Client;
  readonly #questions = new Map<string, Question>();
  #asked = 0;
  #topic = "";
  #subscribed: Promise<unknown> | undefined;

  constructor(client: Client) {
    this.#client = client;
  }

  one(topic: string, payload: unknown, options: RequestOptions): Promise<Message> {
    return new Promise((resolve, reject) => {
      const stop = this.#ask(topic, payload, options, {
        answered: (message) => (stop(), resolve(message)),
        failed: reject,
      });
    });
  }

  async *many(topic: string, payload: unknown, options: RequestOptions): AsyncGenerator<Message, undefined> {
    const answers = new Queue<Message>();
    let some = false;
    const stop = this.#ask(topic, payload, options, {
      answered: (message) => {
        some = true;
        answers.push(message);
      },
      // Silence after the last answer is no failure.
      failed: (error) => answers.end(some && (error as MqttError).code === "TIMEOUT" ? undefined : (error as Error)),
    });
    try {
      for await (const answer of answers) yield answer;
    } finally {
      stop();
    }
    return undefined;
  }

  /** Publishes a question. The function that is returned ends it; so does its failure. */
  #ask(topic: string, payload: unknown, options: RequestOptions, question: Question): () => void {
    const { timeout = 30_000, signal, properties, ...publishing } = options;
    const key = String(++this.#asked);
    const stop = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      this.#questions.delete(key);
    };
    const failed = (error: unknown) => {
      if (!this.#questions.has(key)) return;
      stop();
      question.failed(error);
    };
    const abort = () => failed(new MqttError("CANCELLED", { phase: "publish", cause: signal!.reason }));
    const late = () => failed(new MqttError("TIMEOUT", { phase: "publish", detail: `nobody has answered on "${topic}"` }));
    let timer = setTimeout(late, timeout);
    this.#questions.set(key, {
      answered: (message) => {
        clearTimeout(timer);
        timer = setTimeout(late, timeout);
        question.answered(message);
      },
      failed,
    });
    signal?.addEventListener("abort", abort);
    if ((this.#client.server?.version ?? 5) < 5) {
      failed(new MqttError("UNSUPPORTED", { phase: "publish", detail: "the server speaks 3.1.1, which has no Response Topic" }));
      return stop;
    }
    this.#subscribe().catch(failed);
    const correlationData = new TextEncoder().encode(key);
    const asking = { ...publishing, properties: { ...properties, responseTopic: this.#topic, correlationData } };
    this.#client.publish(topic, payload, asking).catch(failed);
    return stop;
  }

  /** To the answers; SUBSCRIBE leaves before the question. */
  #subscribe(): Promise<unknown> {
    if (this.#subscribed) return this.#subscribed;
    this.#topic ||= `${this.#client.server?.responseInformation ?? "tarta/answers"}/${randomName()}`;
    this.#subscribed = this.#client.subscribe(this.#topic, { qos: 1, params: false }, (message) => {
      const { correlationData } = message.properties;
      this.#questions.get(new TextDecoder().decode(correlationData))?.answered(message);
    });
    this.#subscribed.catch(() => (this.#subscribed = undefined));
    return this.#subscribed;
  }

  /** The client is closed. */
  finish(error: MqttError): void {
    for (const { failed } of this.#questions.values()) failed(error);
  }
}
