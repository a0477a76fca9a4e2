/// <reference lib="esnext.disposable" preserve="true" />
import type { Backend, BackendOwner, SessionStats, WorkerForm } from "./backend.js";
import type { CloseOptions, ServerInfo, State, StateChange } from "./connection.js";
import { NO_EXPIRY } from "./engine/abi.js";
import { load, loadNow, type Core } from "./engine/loader.js";
import { MqttError } from "./errors.js";
import type { PublishProperties } from "./generated/properties.js";
import type { Message, QoS } from "./message.js";
import type { Enqueued, Fate, PublishResult } from "./operations.js";
import { randomName, readOptions, writeLog, type Codec, type ConnectOptions, type ServerUrl, type Settings } from "./options.js";
import { checkInteger, checkSpelling, encodeProperties, toBytes } from "./properties.js";
import type { Packet } from "./packets.js";
import { Queue } from "./queue.js";
import { Requests, type RequestOptions } from "./requests.js";
import { Session } from "./session.js";
import { checkSignal, onAbort } from "./signal.js";
import { within, type Opened } from "./keeping.js";
import { checkTopicName } from "./names.js";
import { Ledger } from "./stores/ledger.js";
import { readWishes, type FilterRequest, type Handler, type SubscribeOptions, type Subscription } from "./subscription.js";
import { startWorker } from "./worker/start.js";

/** Filters to subscribe to. */
export type Filters = string | FilterRequest | readonly (string | FilterRequest)[];

/** Options of `publish()`. */
export interface PublishOptions {
  /** Default 0. */
  qos?: QoS;
  /** Whether the server keeps the message for later subscribers. Default false. */
  retain?: boolean;
  /** Seconds after which the message is of no use (Message Expiry Interval; before it is sent, the client sees to it). */
  expiry?: number;
  properties?: PublishProperties;
  /** Takes the message back while it waits; its promise rejects with `CANCELLED`. */
  signal?: AbortSignal;
  /** For a payload of another type. Default: that of the client; null for none. */
  codec?: Codec | null;
}

/** Options of `enqueue()`. */
export interface EnqueueOptions extends PublishOptions {
  /** Default 1. */
  qos?: 1 | 2;
}

/** The events of a client; what an event is about is its `detail`. */
export interface ClientEvents {
  state: CustomEvent<StateChange>;
  /** Every message that arrives, whatever subscription it is for. */
  message: CustomEvent<Message>;
  /**
   * Every packet that goes over the line, both ways, in order, once its turn is over; from the midst of one on, those that come
   * with the next connection. Costs time; not from a SharedWorker.
   */
  packet: CustomEvent<Packet>;
  /**
   * What became of a message that is, or was to be, in the store: one that was enqueued, by this client or one before it, by its
   * `id`; or, with an empty `id`, one that a client before this one has published.
   */
  settled: CustomEvent<Fate>;
  /** What no promise tells: a lost connection, a failed attempt to reconnect, a handler that threw. */
  error: CustomEvent<unknown> & { error: unknown };
}

/** Counters of a client. In a Worker that several tabs share, those of SessionStats are of all. */
export interface Stats extends SessionStats {
  messagesReceived: number;
  messagesSent: number;
  /** Messages that were dropped as their loop, or the page that has a Worker, was too slow. */
  dropped: number;
  /** Where the client lives. */
  worker: WorkerForm;
}

const NO_OPTIONS: PublishOptions = {};
const NAMES = " qos retain expiry properties signal codec "; // of PublishOptions
const NO_STATS: SessionStats = { bytesReceived: 0, bytesSent: 0, connections: 0, pending: 0, pendingBytes: 0 };

/** One MQTT client: a session with a server, over as many connections as it takes. */
export class Client extends EventTarget {
  readonly #options: ConnectOptions;
  readonly #settings: Settings;
  readonly #requests = new Requests(this);
  readonly #changes = new Set<Queue<StateChange>>();
  readonly #owner: BackendOwner = {
    stateChanged: (change) => this.#stateChanged(change),
    ended: (error) => this.#ended(error),
    settled: (fate) => void this.dispatchEvent(new CustomEvent("settled", { detail: fate })),
    report: (error) => this.#report(error),
  };
  #backend: Backend | undefined;
  #loading: Promise<Backend> | undefined;
  #opening: Promise<void> | undefined; // of the backend: it is there, or closed
  #abandon: ((error: MqttError) => void) | undefined; // the loading
  #release: (() => void) | undefined; // of the signal
  #end: MqttError | undefined;
  #closed = false; // and has been told so
  readonly #wanted = new Set<string>(); // events that are made only where somebody listens

  /**
   * Nothing happens on the network before connect().
   *
   * @throws TypeError, RangeError for a mistake in the arguments
   */
  constructor(url: ServerUrl, options: ConnectOptions = {}) {
    super();
    this.#options = options;
    this.#settings = readOptions(url, options);
  }

  // ---- the connection ----

  /**
   * Connects, and stays so. Resolves with the first CONNACK.
   *
   * @throws MqttError what the first round over all URLs has failed with, unless `reconnect.initial` is true
   */
  connect(): Promise<void> {
    if (this.#end) return Promise.reject(this.#end);
    this.#release ??= onAbort(this.#options.signal, (cause) => {
      void this.#stop(new MqttError("CANCELLED", "connect", { cause }));
    });
    return this.#with((backend) => backend.start());
  }

  /**
   * Says DISCONNECT and closes. What was not acknowledged rejects with `CLIENT_CLOSED`. Resolves when the WebSocket is
   * closed, within two seconds, and the store, within three more should it not answer.
   */
  close(options?: CloseOptions): Promise<void> {
    checkInteger("reasonCode", options?.reasonCode ?? 0, 0, 0xff);
    return this.#stop(new MqttError("CLIENT_CLOSED", "close"), options);
  }

  #stop(error: MqttError, options?: CloseOptions): Promise<void> {
    if (this.#backend) return this.#backend.stop(error, options);
    if (!this.#end) {
      this.#ended(error);
      this.#stateChanged(error.code === "CLIENT_CLOSED" ? { state: "closed" } : { state: "closed", reason: error });
    }
    return within(this.#options.store && this.#opening); // so that the next client gets the store
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Resolves when all that was published and subscribed to is acknowledged, and QoS 0 given to the socket. */
  drain(): Promise<void> {
    if (this.#end) return Promise.reject(this.#end);
    const backend = this.#backend ?? this.#loading;
    return backend ? this.#with((one) => one.idle()) : Promise.resolve();
  }

  /** Authenticates once more on the open connection (5.0 §4.12.1), with `authentication.data`. */
  reauthenticate(): Promise<void> {
    if (!this.#options.authentication) throw new TypeError("reauthenticate() needs the option authentication");
    return this.#with((backend) => backend.reauthenticate());
  }

  get state(): State {
    return this.#backend?.state ?? (this.#end ? "closed" : "idle");
  }

  /** The changes of state from the first `next()` on; ends with `"closed"`. */
  async *stateChanges(): AsyncGenerator<StateChange, undefined> {
    const changes = new Queue<StateChange>();
    if (this.#end) return undefined;
    this.#changes.add(changes);
    try {
      return yield* changes.loop();
    } finally {
      this.#changes.delete(changes);
    }
  }

  /** The client identifier: the option, a generated one, or what the server has assigned. */
  get clientId(): string {
    return this.#backend?.clientId ?? this.#settings.clientId;
  }

  /** What the last CONNACK said; undefined before the first. */
  get server(): ServerInfo | undefined {
    return this.#backend?.server;
  }

  get stats(): Stats {
    const { received = 0, published = 0, dropped = 0, worker = false, stats = NO_STATS } = this.#backend ?? {};
    return { messagesReceived: received, messagesSent: published, dropped, ...stats, worker };
  }

  // ---- publishing ----

  /**
   * Publishes a message; the payload is copied during the call. Resolves at QoS 0 when the socket has it, at QoS 1 when the
   * server has acknowledged it, at QoS 2 when the exchange is complete.
   *
   * @throws MqttError `PUBLISH_REFUSED`, `QUEUE_FULL`, `SESSION_LOST`, … as a rejection
   * @throws TypeError, RangeError at once, for a mistake in the arguments
   */
  publish(topic: string, payload: unknown, options: PublishOptions = NO_OPTIONS): Promise<PublishResult> {
    if (options.qos === undefined && options !== NO_OPTIONS) checkSpelling(options, NAMES);
    const { qos = 0, retain, properties, signal, codec = this.#options.codec } = options;
    if (typeof topic !== "string") throw new TypeError("a topic is a string");
    checkSignal(signal);
    const flags = (checkInteger("qos", qos, 0, 2) << 1) | (retain ? 1 : 0);
    const encoded = encodeProperties(properties, "messageExpiryInterval");
    const seconds = readExpiry(options);
    if (this.#end) return Promise.reject(this.#end);
    if (signal?.aborted) return Promise.reject(new MqttError("CANCELLED", "publish", { cause: signal.reason }));
    const value: unknown = codec ? codec.encode(payload) : payload;
    const backend = this.#backendNow();
    if (!backend) {
      const copy = new Uint8Array(toBytes("payload", value)); // slice() of Node's buffers makes none
      const later = { ...options, properties: structuredClone(properties), codec: null } as PublishOptions;
      const sent = this.#load().then(() => this.publish(topic, copy, later));
      if (qos === 0) sent.catch(() => {}); // who sends QoS 0 without waiting has said that its fate does not matter
      return sent;
    }
    return backend.publish(topic, value, flags, encoded, seconds, signal);
  }

  /**
   * Publishes a message by way of the store, at QoS 1 or 2: once it is `stored`, it outlives this client, and the next one with
   * this store sends it. What becomes of it is an event `settled` with the `id`, of whichever client has it then.
   *
   * @throws MqttError as `publish()`, and `STORE_FAILED`, as rejections
   * @throws TypeError, RangeError at once, for a mistake in the arguments, and without a store
   */
  enqueue(topic: string, payload: unknown, options: EnqueueOptions = {}): Enqueued & { id: string } {
    const { qos = 1, retain, properties, signal, codec = this.#options.codec } = options;
    if (options.qos === undefined) checkSpelling(options, NAMES);
    if (!this.#options.store) throw new TypeError("enqueue() needs the option store");
    checkTopicName(topic);
    checkSignal(signal);
    const flags = (checkInteger("qos", qos, 1, 2) << 1) | (retain ? 1 : 0);
    const encoded = encodeProperties(properties, "messageExpiryInterval");
    const seconds = readExpiry(options);
    const value: unknown = codec ? codec.encode(payload) : payload;
    const id = randomName();
    const give = (backend: Backend, content: unknown) => backend.enqueue(id, topic, content, flags, encoded, seconds, signal);
    if (this.#backend && !this.#end && !signal?.aborted) return { id, ...give(this.#backend, value) };
    const copy = new Uint8Array(toBytes("payload", value));
    const given = this.#with(async (backend) => {
      if (signal?.aborted) throw new MqttError("CANCELLED", "publish", { cause: signal.reason });
      return give(backend, copy);
    });
    const acked = given.then((enqueued) => enqueued.acked);
    const stored = given.then((enqueued) => enqueued.stored);
    for (const promise of [stored, acked]) promise.catch(() => {}); // an event tells
    given.catch((error: Error) => this.#owner.settled({ id, error }));
    return { id, stored, acked };
  }

  // ---- subscribing ----

  /**
   * Subscribes. Messages go to the handler, or to the loops over the subscription. An array rejects only when the server
   * refuses all of it: see `granted`.
   *
   * @throws MqttError `SUBSCRIBE_REFUSED`, `SUBSCRIPTION_CONFLICT`, … as a rejection
   * @throws TypeError, RangeError at once, for a mistake in the arguments
   */
  subscribe(filters: Filters, handler: Handler): Promise<Subscription>;
  subscribe(filters: Filters, options?: SubscribeOptions, handler?: Handler): Promise<Subscription>;
  subscribe(filters: Filters, options: SubscribeOptions | Handler = {}, handler?: Handler): Promise<Subscription> {
    if (typeof options === "function") {
      if (handler !== undefined) throw new TypeError("the options stand before the handler");
      return this.subscribe(filters, {}, options);
    }
    if (handler !== undefined && typeof handler !== "function") throw new TypeError("a handler is a function");
    const wishes = readWishes(filters, options);
    return this.#with((backend) => backend.subscribe(wishes, options, handler));
  }

  /** As subscribe(), with one call of the handler for all messages of a chunk that has arrived: for high rates. */
  batch(filters: Filters, handler: Handler<Message[]>): Promise<Subscription>;
  batch(filters: Filters, options: SubscribeOptions, handler: Handler<Message[]>): Promise<Subscription>;
  batch(filters: Filters, options: SubscribeOptions | Handler<Message[]>, handler?: Handler<Message[]>): Promise<Subscription> {
    if (typeof options === "function") {
      if (handler !== undefined) throw new TypeError("the options stand before the handler");
      return this.batch(filters, {}, options);
    }
    if (typeof handler !== "function") throw new TypeError("a batch needs a handler");
    let messages: Message[] = [];
    const handOver = () => {
      const batch = messages;
      messages = [];
      if (!subscription?.ended) return handler(batch);
      for (const message of batch) message.ack(); // nobody else will
    };
    let subscription: Subscription | undefined;
    const subscribing = this.subscribe(filters, options, (message) => {
      if (messages.push(message) === 1) this.#backend!.atChunkEnd(handOver);
    });
    return subscribing.then((one) => (subscription = one));
  }

  /**
   * Subscribes when the loop begins, and unsubscribes when it ends. It ends with `signal` and with `close()`, and throws
   * what else the client ends with. With `ack: "manual"`, what it is left with and has not acknowledged comes again when there is
   * another connection; until then nothing that came later is acknowledged (5.0 §4.6).
   */
  messages(filters: Filters, options: SubscribeOptions = {}): AsyncGenerator<Message, undefined> {
    readWishes(filters, options); // a mistake is told at once
    return this.#messages(filters, options);
  }

  async *#messages(filters: Filters, options: SubscribeOptions): AsyncGenerator<Message, undefined> {
    let subscription: Subscription | undefined;
    try {
      subscription = await this.subscribe(filters, options);
      for await (const message of subscription) yield message;
    } catch (error) {
      if (!options.signal?.aborted && (error as MqttError).code !== "CLIENT_CLOSED") throw error;
    } finally {
      subscription?.discard();
      subscription?.unsubscribe().catch(() => {});
    }
    return undefined;
  }

  /** Has messages that arrive anyway handled; the server is asked for nothing. Ends when it is disposed of. */
  route(filter: string, handler: Handler, options: { params?: boolean } = {}): Disposable {
    const wishes = readWishes(filter, options);
    if (typeof handler !== "function") throw new TypeError("a route needs a handler");
    let subscription: Subscription | undefined;
    let disposed = false;
    this.#with(async (backend) => {
      if (!disposed) subscription = backend.route(wishes, handler);
    }).catch((error: unknown) => this.#report(error));
    return {
      [Symbol.dispose]: () => {
        disposed = true;
        void subscription?.unsubscribe();
      },
    };
  }

  // ---- ask and answer (5.0 §4.10) ----

  /**
   * Publishes a question and resolves with the first answer to it.
   *
   * @throws MqttError `TIMEOUT`; `UNSUPPORTED` with 3.1.1; what publish() and subscribe() reject with
   */
  request(topic: string, payload: unknown, options: RequestOptions = {}): Promise<Message> {
    this.#requests.check(options);
    return this.#requests.one(topic, payload, options);
  }

  /** As request(), for all answers, until none has come for `timeout`; throws `TIMEOUT` if there was none. */
  requestMany(topic: string, payload: unknown, options: RequestOptions = {}): AsyncGenerator<Message, undefined> {
    this.#requests.check(options);
    return this.#requests.many(topic, payload, options);
  }

  /** Answers what is asked under a filter with what the handler returns. */
  respond(filters: Filters, handler: (message: Message) => unknown, options: SubscribeOptions = {}): Promise<Subscription> {
    return this.subscribe(filters, options, async (message) => {
      const { responseTopic, correlationData } = message.properties;
      const answer = await handler(message);
      if (responseTopic === undefined) return;
      const properties = correlationData ? { correlationData } : {};
      await this.publish(responseTopic, answer, { qos: message.qos, properties });
    });
  }

  // ---- the backend ----

  /** Does something with the backend: at once, where that is there at once. */
  #with<Result>(action: (backend: Backend) => Promise<Result>): Promise<Result> {
    if (this.#end) return Promise.reject(this.#end);
    const backend = this.#backendNow();
    return backend ? action(backend) : this.#load().then(action);
  }

  #backendNow(): Backend | undefined {
    if (this.#backend || this.#loading || this.#options.worker || this.#options.store) return this.#backend;
    const core = loadNow(this.#options.wasm);
    return core && this.#begin(this.#onPage(core, false));
  }

  #load(): Promise<Backend> {
    return (this.#loading ??= new Promise((resolve, reject) => {
      this.#abandon = reject;
      this.#opening = this.#open()
        .then((backend) => (this.#end ? backend.stop(this.#end) : resolve(this.#begin(backend))))
        .catch((error: unknown) => (error instanceof MqttError ? void this.#stop(error) : reject(error)));
    }));
  }

  async #open(): Promise<Backend> {
    const { worker, store, wasm } = this.#options;
    const remote = worker && (await startWorker(this.#settings, this.#options, this.#owner));
    if (remote) return remote;
    const core = await load(wasm);
    const opened = store && (await Ledger.open(store));
    try {
      return this.#onPage(core, worker ? "page" : false, opened);
    } catch (error) {
      await within(opened?.ledger.close()).catch(() => {});
      throw error;
    }
  }

  #onPage(core: Core, form: WorkerForm, opened?: Opened): Backend {
    return new Session(core, this.#settings, this.#options, this.#owner, form, opened);
  }

  #begin(backend: Backend): Backend {
    this.#backend = backend;
    for (const type of this.#wanted) this.#send(type, backend);
    for (const [filter, handler] of Object.entries(this.#options.routes ?? {})) backend.route(readWishes(filter, {}), handler);
    return backend;
  }

  #ended(error: MqttError): void {
    this.#end = error;
    this.#release?.();
    this.#abandon?.(error);
    this.#requests.finish(error);
  }

  // ---- events ----

  #stateChanged(change: StateChange): void {
    if (this.#closed) return; // where there was a backend only after the client had ended
    this.#closed = change.state === "closed";
    for (const changes of this.#changes) {
      changes.push(change);
      if (change.state === "closed") changes.end();
    }
    this.dispatchEvent(new CustomEvent("state", { detail: change }));
  }

  #send(type: string, backend: Backend): void {
    const tell = (detail: Message | Packet) => this.dispatchEvent(new CustomEvent(type, { detail }));
    if (type === "message") backend.onmessage = tell;
    else backend.onpacket = tell;
  }

  #report(error: unknown): void {
    writeLog(this.#options.log, "error", { error });
    this.dispatchEvent(Object.assign(new CustomEvent("error", { detail: error }), { error }));
  }

  override addEventListener<Type extends keyof ClientEvents>(
    type: Type, listener: ((event: ClientEvents[Type]) => unknown) | null, options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener(type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | AddEventListenerOptions): void;
  override addEventListener(type: string, listener: any, options?: boolean | AddEventListenerOptions): void {
    if ((type === "message" || type === "packet") && !this.#wanted.has(type)) {
      this.#wanted.add(type);
      if (this.#backend) this.#send(type, this.#backend);
    }
    super.addEventListener(type, listener as EventListener, options);
  }
}

/** Seconds, as the core takes them. */
function readExpiry({ expiry, properties }: PublishOptions): number {
  const seconds = expiry ?? properties?.messageExpiryInterval;
  return seconds === undefined ? NO_EXPIRY : checkInteger("expiry", seconds, 0, NO_EXPIRY - 1);
}

/** A client that is connected. Throws and rejects as `new Client()` and `client.connect()`; then the client is closed. */
export function connect(url: ServerUrl, options?: ConnectOptions): Promise<Client> {
  const client = new Client(url, options);
  return client.connect().then(() => client);
}
