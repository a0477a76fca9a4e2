// A session in this thread: an engine, its connection, its operations and its subscriptions.
import type { Backend, BackendOwner, SessionStats } from "./backend.js";
import { Connection, type CloseOptions, type ServerInfo, type State } from "./connection.js";
import { Kept, Status } from "./engine/abi.js";
import { Engine } from "./engine/engine.js";
import type { Core } from "./engine/loader.js";
import type { Owner } from "./engine/records.js";
import { coreError, errorCode, MqttError } from "./errors.js";
import { NumberOption } from "./generated/options.js";
import { Keeping, splitId, type Opened } from "./keeping.js";
import { decodeText } from "./engine/memory.js";
import type { Message } from "./message.js";
import { Operations, type Enqueued, type PublishResult } from "./operations.js";
import type { ConnectOptions, Settings } from "./options.js";
import { Tap, type Packet } from "./packets.js";
import { toBytes } from "./properties.js";
import type { Handler, SubscribeOptions, Subscription, Wish } from "./subscription.js";
import { Subscriptions, type Filter } from "./subscriptions.js";

const TOPICS = 1024; // names that the core keeps for us
// Of a record of the client (core/session_store.cpp): where it says what is known of it, what that may be, where its name begins.
const CLIENT_KNOWN = 2;
const MAY_BE_KNOWN = 2;
const CLIENT_HEAD = 7;

export class Session implements Backend {
  readonly operations: Operations;
  readonly subscriptions: Subscriptions;
  published = 0;
  /** Resolves when it is known what became of the messages that were in the store. */
  restored: Promise<unknown> = Promise.resolve();
  readonly #engine: Engine<Filter>;
  readonly #connection: Connection;
  readonly #settings: Settings;
  readonly #topics = new Map<string, number>();
  readonly #keeping: Keeping | undefined;

  /**
   * @param opened the store, where there is one
   * @throws RangeError for options that the core does not take; MqttError `STORE_CORRUPT`, `OPTIONS_CONFLICT` for what is in the store
   */
  constructor(core: Core, settings: Settings, options: ConnectOptions, owner: BackendOwner, readonly worker: Backend["worker"], opened?: Opened) {
    this.#settings = settings;
    this.operations = new Operations(
      () => this.#connection.backlog,
      (operation) => this.#engine.command("cancel", operation),
    );
    this.subscriptions = new Subscriptions(this.operations, (error) => owner.report(error));
    // The engine tells the connection, and the connection commands the engine.
    const told: Owner<Filter> = { deliveries: this.subscriptions, outcomes: this.operations, connection: undefined!, restoring: this.subscriptions, keeping: undefined };
    const engine = (this.subscriptions.engine = this.#engine = new Engine(core, told));
    const { numbers, bytes } = settings;
    for (const [name, option, value] of numbers) {
      if (engine.command("set_number", option, value) > 0) throw new RangeError(`${name} must not be ${value}`);
    }
    for (const [option, value] of bytes) engine.command("set_bytes", option, engine.put(value));
    this.#connection = told.connection = new Connection(engine, settings, options, {
      operations: this.operations,
      subscriptions: this.subscriptions,
      stateChanged: (change) => owner.stateChanged(change),
      ended: (error) => {
        owner.ended(error);
        this.operations.rejectAll(error);
        this.subscriptions.finish(error.code === "CLIENT_CLOSED" ? undefined : error);
        this.#keeping?.close().catch((problem: unknown) => owner.report(problem));
      },
      report: (error) => owner.report(error),
    });
    this.operations.settled = (fate) => owner.settled(fate);
    if (!opened) return;
    const keeping = (told.keeping = this.#keeping = new Keeping(opened.ledger, {
      read: (offset, length) => engine.blob(offset, length),
      stored: (serial) => engine.stored(serial),
      storeFailed: (serial) => engine.storeFailed(serial),
      operation: (number) => this.operations.forStore(number),
      report: (error) => owner.report(error),
    }));
    this.operations.store = keeping;
    engine.command("set_number", NumberOption.durable, 1);
    try {
      this.#restore(opened.records);
    } catch (error) {
      engine.stop();
      throw error;
    }
  }

  #restore(records: Opened["records"]): void {
    const fates: unknown[] = [];
    const clean = this.#settings.numbers.some(([, option, value]) => option === NumberOption.cleanStart && value > 0);
    for (const { kind, key, bytes } of records) {
      if (kind === Kept.client && !this.#recognises(bytes)) continue;
      const { id, record } = kind === Kept.message ? splitId(bytes) : { id: "", record: bytes };
      const { number: operation, acked } = kind === Kept.message ? this.operations.enqueue(id) : { number: 0, acked: undefined };
      fates.push(acked);
      const error = this.#engine.restore(kind, key, record, operation);
      if (error > 0) throw new MqttError(errorCode(error), "open");
      if (operation > 0) this.operations.kept(operation);
      if (kind === Kept.subscription && !clean) this.subscriptions.restore(key, decodeText(record.subarray(2)), record[1]!);
    }
    this.restored = Promise.allSettled(fates);
  }

  /** The store is that of this client. Where no server has answered it, another may take its place. */
  #recognises(record: Uint8Array): boolean {
    const clientId = decodeText(record.subarray(CLIENT_HEAD));
    if (this.#settings.named && this.#settings.clientId !== "" && this.#settings.clientId !== clientId) {
      if (record[CLIENT_KNOWN] === MAY_BE_KNOWN) return false;
      throw new MqttError("OPTIONS_CONFLICT", "open", { detail: `the store is that of the client "${clientId}"` });
    }
    this.#connection.assignedClientId = clientId;
    return (this.#keeping!.knowsClient = true);
  }

  get state(): State {
    return this.#connection.state;
  }

  get server(): ServerInfo | undefined {
    return this.#connection.server;
  }

  get clientId(): string {
    return this.#connection.assignedClientId ?? this.#settings.clientId;
  }

  get stats(): SessionStats {
    const { bytesReceived, bytesSent, connections } = this.#connection;
    const { memory } = this.#engine;
    const pending = memory.status(Status.pending);
    return { bytesReceived, bytesSent, connections, pending, pendingBytes: memory.status(Status.pendingBytes) };
  }

  get received(): number {
    return this.subscriptions.received;
  }

  get dropped(): number {
    return this.subscriptions.dropped;
  }

  set onmessage(take: ((message: Message) => boolean) | undefined) {
    this.subscriptions.onmessage = take;
  }

  set onpacket(take: (packet: Packet) => void) {
    this.#connection.tap = new Tap(this.#engine, this.server?.version ?? 5, take);
  }

  start(): Promise<void> {
    const started = this.#connection.start();
    const keeping = this.#keeping;
    // Who tries again, with another client, gets the store.
    return keeping ? started.catch((error: unknown) => keeping.close().catch(() => {}).then(() => Promise.reject(error))) : started;
  }

  stop(error: MqttError, options?: CloseOptions): Promise<void> {
    const stopped = this.#connection.stop(error, options);
    const keeping = this.#keeping;
    return keeping ? stopped.then(() => keeping.close()).catch(() => {}) : stopped; // its problem was reported above
  }

  /** Resolves when what was to be stored until now is, or cannot be; with whether it is there. */
  async holds(): Promise<boolean> {
    if (!this.#keeping) return false;
    this.#engine.flush();
    return this.#keeping.holds();
  }

  /** Time may have passed unseen, or the network has changed. */
  wake(): void {
    this.#connection.wake();
  }

  reauthenticate(): Promise<void> {
    return this.#connection.reauthenticate();
  }

  // ---- messages out ----

  publish(
    topic: string, payload: unknown, flags: number, properties: Uint8Array, expiry: number, signal: AbortSignal | undefined,
  ): Promise<PublishResult> {
    const error = this.give(topic, payload, flags, properties, expiry);
    if (error > 0) {
      const problem = coreError(error, "publish");
      if (problem instanceof TypeError) throw problem;
      return Promise.reject(problem);
    }
    this.published++;
    if (!this.answered(flags)) return this.operations.unanswered();
    const sent = this.operations.wait("publish", signal);
    if (flags <= 1) sent.catch(() => {}); // who sends QoS 0 without waiting has said that its fate does not matter
    return sent;
  }

  enqueue(
    id: string, topic: string, payload: unknown, flags: number, properties: Uint8Array, expiry: number, signal: AbortSignal | undefined,
  ): Enqueued {
    const error = this.give(topic, payload, flags, properties, expiry);
    if (error > 0) {
      const problem = coreError(error, "publish");
      if (problem instanceof TypeError) throw problem;
      const failed = Promise.reject(problem);
      failed.catch(() => this.operations.settled({ id, error: problem }));
      return { stored: failed, acked: failed };
    }
    this.published++;
    return this.operations.enqueue(id, signal);
  }

  /** Gives a message to the core, as the operation that is added next. Returns the number of an error. */
  give(topic: string, payload: unknown, flags: number, properties: Uint8Array, expiry: number): number {
    const slot = this.#topicSlot(topic); // before the payload: text is encoded in the same place
    return this.#engine.publish(this.operations.next(), slot, flags, toBytes("payload", payload), properties, expiry);
  }

  /** Whether the core will tell of the message that it was just given, so that it is an operation. */
  answered(flags: number): boolean {
    return flags > 1 || this.#engine.queued;
  }

  /** The number under which the core knows a topic. */
  #topicSlot(topic: string): number {
    const known = this.#topics.get(topic);
    if (known !== undefined) return known;
    if (this.#topics.size >= TOPICS) this.#topics.clear();
    const slot = this.#topics.size;
    const error = this.#engine.command("define_topic", slot, this.#engine.put(toBytes("a topic", topic)));
    if (error > 0) throw coreError(error, "publish", `"${topic}"`);
    this.#topics.set(topic, slot);
    return slot;
  }

  idle(): Promise<void> {
    return this.operations.idle();
  }

  // ---- messages in ----

  /** Acknowledges the messages up to this serial. */
  delivered(through: number): void {
    this.#engine.delivered(through);
  }

  subscribe(wishes: readonly Wish[], options: SubscribeOptions, handler: Handler | undefined): Promise<Subscription> {
    return this.subscriptions.subscribe(wishes, options, handler);
  }

  route(wishes: readonly Wish[], handler: Handler): Subscription {
    return this.subscriptions.route(wishes, handler);
  }

  atChunkEnd(task: () => unknown): void {
    this.subscriptions.atChunkEnd(task);
  }
}
