import { NO_EXPIRY, Status } from "./engine/abi.js";
import { Engine } from "./engine/engine.js";
import { load, loadNow, type Core } from "./engine/loader.js";
import type { Owner } from "./engine/records.js";
import { Connection, type CloseOptions, type ServerInfo, type State, type StateChange } from "./connection.js";
import { coreError, MqttError } from "./errors.js";
import type { PublishProperties } from "./generated/properties.js";
import type { Message, QoS } from "./message.js";
import { Operations, type PublishResult } from "./operations.js";
import { readOptions, type Codec, type ConnectOptions, type ServerUrl, type Settings } from "./options.js";
import { checkInteger, encodeProperties, toBytes } from "./properties.js";
import { Queue } from "./queue.js";
import { Requests, type RequestOptions } from "./requests.js";
import { onAbort } from "./signal.js";
import { readWishes, type FilterRequest, type Handler, type SubscribeOptions, type Subscription } from "./subscription.js";
import { Subscriptions, type Filter } from "./subscriptions.js";

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

/** The events of a client; what an event is about is its `detail`. */
export interface ClientEvents {
  state: CustomEvent<StateChange>;
  /** Every message that arrives, whatever subscription it is for. */
  message: CustomEvent<Message>;
  /** What no promise tells: a lost connection, a failed attempt to reconnect, a handler that threw. */
  error: CustomEvent<unknown> & { error: unknown };
}

/** Counters of a client. */
export interface Stats {
  messagesReceived: number;
  messagesSent: number;
  /** Messages that were dropped as their loop was too slow. */
  dropped: number;
  bytesReceived: number;
  bytesSent: number;
  /** WebSockets that were opened. */
  connections: number;
  /** Messages that wait or are unacknowledged, and their bytes. */
  pending: number;
  pendingBytes: number;
  /** Whether the client lives in a Worker. */
  worker: false;
}

const TOPICS = 1024; // names that the core keeps for us

/** One MQTT client: a session with a server, over as many connections as it takes. */
export class Client extends EventTarget {
  readonly #options: ConnectOptions;
  readonly #settings: Settings;
  readonly #operations = new Operations(
    () => this.#connection?.backlog ?? 0,
    (operation) => this.#engine!.command("cancel", operation),
  );
  readonly #subscriptions = new Subscriptions(this.#operations, (error) => this.#report(error));
  readonly #requests = new Requests(this);
  readonly #topics = new Map<string, number>();
  readonly #changes = new Set<Queue<StateChange>>();
  #engine: Engine<Filter> | undefined;
  #connection: Connection | undefined;
  #loading: Promise<Engine<Filter>> | undefined;
  #release: (() => void) | undefined; // of the signal
  #end: MqttError | undefined;
  #published = 0;

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
    return this.#with(() => this.#connection!.start());
  }

  /**
   * Says DISCONNECT and closes. What was not acknowledged rejects with `CLIENT_CLOSED`. Resolves when the WebSocket is
   * closed, within two seconds.
   */
  close(options?: CloseOptions): Promise<void> {
    return this.#stop(new MqttError("CLIENT_CLOSED", "close"), options);
  }

  #stop(error: MqttError, options?: CloseOptions): Promise<void> {
    if (this.#connection) return this.#connection.stop(error, options);
    if (!this.#end) {
      this.#ended(error);
      this.#stateChanged({ state: "closed" });
    }
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Resolves when all that was published and subscribed to is acknowledged, and QoS 0 given to the socket. */
  drain(): Promise<void> {
    return this.#end ? Promise.reject(this.#end) : this.#operations.idle();
  }

  /** Authenticates once more on the open connection (5.0 §4.12.1), with `authentication.data`. */
  reauthenticate(): Promise<void> {
    return this.#with(() => this.#connection!.reauthenticate());
  }

  get state(): State {
    return this.#connection?.state ?? (this.#end ? "closed" : "idle");
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
    return this.server?.assignedClientIdentifier ?? this.#settings.clientId;
  }

  /** What the last CONNACK said; undefined before the first. */
  get server(): ServerInfo | undefined {
    return this.#connection?.server;
  }

  get stats(): Stats {
    const { bytesReceived = 0, bytesSent = 0, connections = 0 } = this.#connection ?? {};
    const { received: messagesReceived, dropped } = this.#subscriptions;
    const memory = this.#engine?.memory;
    const pending = memory?.status(Status.pending) ?? 0;
    const pendingBytes = memory?.status(Status.pendingBytes) ?? 0;
    const messagesSent = this.#published;
    return { messagesReceived, messagesSent, dropped, bytesReceived, bytesSent, connections, pending, pendingBytes, worker: false };
  }

  // ---- publishing ----

  /**
   * Publishes a message; the payload is copied during the call. Resolves at QoS 0 when the socket has it, at QoS 1 when the
   * server has acknowledged it, at QoS 2 when the exchange is complete.
   *
   * @throws MqttError `PUBLISH_REFUSED`, `QUEUE_FULL`, `SESSION_LOST`, … as a rejection
   * @throws TypeError, RangeError at once, for a mistake in the arguments
   */
  publish(topic: string, payload: unknown, options: PublishOptions = {}): Promise<PublishResult> {
    const { qos = 0, retain, properties, signal, codec = this.#options.codec } = options;
    const flags = (checkInteger("qos", qos, 0, 2) << 1) | (retain ? 1 : 0);
    const encoded = encodeProperties(properties, "messageExpiryInterval");
    const { expiry = properties?.messageExpiryInterval } = options;
    const seconds = expiry === undefined ? NO_EXPIRY : checkInteger("expiry", expiry, 0, NO_EXPIRY - 1);
    if (this.#end) return Promise.reject(this.#end);
    if (signal?.aborted) return Promise.reject(new MqttError("CANCELLED", "publish", { cause: signal.reason }));
    const value: unknown = codec ? codec.encode(payload) : payload;
    const engine = this.#engineNow();
    if (!engine) {
      const copy = toBytes("payload", value).slice();
      return this.#load().then(() => this.publish(topic, copy, { ...options, codec: null }));
    }
    const slot = this.#topicSlot(engine, topic); // before the payload: text is encoded in the same place
    const error = engine.publish(this.#operations.next(), slot, flags, toBytes("payload", value), encoded, seconds);
    if (error > 0) {
      const problem = coreError(error, "publish");
      if (problem instanceof TypeError) throw problem;
      return Promise.reject(problem);
    }
    this.#published++;
    return qos === 0 && !engine.queued ? this.#operations.unanswered() : this.#operations.wait("publish", signal);
  }

  /** The number under which the core knows a topic. */
  #topicSlot(engine: Engine<Filter>, topic: string): number {
    const known = this.#topics.get(topic);
    if (known !== undefined) return known;
    if (this.#topics.size >= TOPICS) this.#topics.clear();
    const slot = this.#topics.size;
    const error = engine.command("define_topic", slot, engine.put(toBytes("a topic", topic)));
    if (error > 0) throw coreError(error, "publish", `"${topic}"`);
    this.#topics.set(topic, slot);
    return slot;
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
    if (typeof options === "function") return this.subscribe(filters, {}, options);
    const wishes = readWishes(filters, options);
    return this.#with(() => this.#subscriptions.subscribe(wishes, options, handler));
  }

  /** As subscribe(), with one call of the handler for all messages of a chunk that has arrived: for high rates. */
  batch(filters: Filters, handler: Handler<Message[]>): Promise<Subscription>;
  batch(filters: Filters, options: SubscribeOptions, handler: Handler<Message[]>): Promise<Subscription>;
  batch(filters: Filters, options: SubscribeOptions | Handler<Message[]>, handler?: Handler<Message[]>): Promise<Subscription> {
    if (typeof options === "function") return this.batch(filters, {}, options);
    let messages: Message[] = [];
    const handOver = () => {
      const batch = messages;
      messages = [];
      return handler!(batch);
    };
    return this.subscribe(filters, options, (message) => {
      if (messages.push(message) === 1) this.#subscriptions.atChunkEnd(handOver);
    });
  }

  /**
   * Subscribes when the loop begins, and unsubscribes when it ends. It ends with `signal` and with `close()`, and throws
   * what else the client ends with.
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
      if (!options.signal?.aborted) throw error;
    } finally {
      subscription?.discard();
      subscription?.unsubscribe().catch(() => {});
    }
    return undefined;
  }

  /** Has messages that arrive anyway handled; the server is asked for nothing. Ends when it is disposed of. */
  route(filter: string, handler: Handler, options: { params?: boolean } = {}): Disposable {
    const wishes = readWishes(filter, options);
    let subscription: Subscription | undefined;
    let disposed = false;
    this.#with(async () => {
      if (!disposed) subscription = this.#subscriptions.route(wishes, handler);
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
    return this.#requests.one(topic, payload, options);
  }

  /** As request(), for all answers, until none has come for `timeout`; throws `TIMEOUT` if there was none. */
  requestMany(topic: string, payload: unknown, options: RequestOptions = {}): AsyncGenerator<Message, undefined> {
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

  // ---- the core ----

  /** Does something with the core: at once, where that can be loaded at once. */
  #with<Result>(action: (engine: Engine<Filter>) => Promise<Result>): Promise<Result> {
    if (this.#end) return Promise.reject(this.#end);
    const engine = this.#engineNow();
    return engine ? action(engine) : this.#load().then(action);
  }

  #engineNow(): Engine<Filter> | undefined {
    if (this.#engine || this.#loading) return this.#engine;
    const core = loadNow(this.#options.wasm);
    return core && this.#begin(core);
  }

  #load(): Promise<Engine<Filter>> {
    return (this.#loading ??= load(this.#options.wasm).then((core) => {
      if (this.#end) throw this.#end;
      return this.#begin(core);
    }));
  }

  #begin(core: Core): Engine<Filter> {
    // The engine tells the connection, and the connection commands the engine.
    const owner: Owner<Filter> = { deliveries: this.#subscriptions, outcomes: this.#operations, connection: undefined! };
    const engine = new Engine(core, owner);
    const { numbers, bytes } = this.#settings;
    for (const [name, option, value] of numbers) {
      if (engine.command("set_number", option, value) > 0) throw new RangeError(`${name} must not be ${value}`);
    }
    for (const [option, value] of bytes) engine.command("set_bytes", option, engine.put(value));
    this.#connection = owner.connection = new Connection(engine, this.#settings, this.#options, {
      operations: this.#operations,
      subscriptions: this.#subscriptions,
      stateChanged: (change) => this.#stateChanged(change),
      ended: (error) => this.#ended(error),
      report: (error) => this.#report(error),
    });
    this.#subscriptions.engine = this.#engine = engine;
    for (const [filter, handler] of Object.entries(this.#options.routes ?? {})) {
      this.#subscriptions.route(readWishes(filter, {}), handler);
    }
    return engine;
  }

  #ended(error: MqttError): void {
    this.#end = error;
    this.#release?.();
    this.#operations.rejectAll(error);
    this.#requests.finish(error);
    this.#subscriptions.finish(error.code === "CLIENT_CLOSED" ? undefined : error);
  }

  // ---- events ----

  #stateChanged(change: StateChange): void {
    for (const changes of this.#changes) {
      changes.push(change);
      if (change.state === "closed") changes.end();
    }
    this.dispatchEvent(new CustomEvent("state", { detail: change }));
  }

  #report(error: unknown): void {
    this.#options.log?.({ event: "error", time: Date.now(), error });
    this.dispatchEvent(Object.assign(new CustomEvent("error", { detail: error }), { error }));
  }

  override addEventListener<Type extends keyof ClientEvents>(
    type: Type, listener: ((event: ClientEvents[Type]) => unknown) | null, options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener(type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | AddEventListenerOptions): void;
  override addEventListener(type: string, listener: any, options?: boolean | AddEventListenerOptions): void {
    // Nothing is made of messages that nobody wants as events.
    if (type === "message") {
      this.#subscriptions.onmessage ??= (message) => this.dispatchEvent(new CustomEvent("message", { detail: message }));
    }
    super.addEventListener(type, listener as EventListener, options);
  }
}

/** A client that is connected. Throws and rejects as `new Client()` and `client.connect()`; then the client is closed. */
export function connect(url: ServerUrl, options?: ConnectOptions): Promise<Client> {
  const client = new Client(url, options);
  return client.connect().then(() => client);
}
