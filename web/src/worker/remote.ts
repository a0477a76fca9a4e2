// A session in a Worker, as the page sees it.
import type { Backend, BackendOwner, SessionStats, WorkerForm } from "../backend.js";
import type { CloseOptions, ServerInfo, State } from "../connection.js";
import type { RecordSource } from "../engine/records.js";
import { Walker } from "../engine/walk.js";
import { MqttError } from "../errors.js";
import type { Message } from "../message.js";
import { checkTopicFilter, checkTopicName } from "../names.js";
import { Operations, type Enqueued, type Fate, type PublishResult } from "../operations.js";
import { readCredentials, readUrl, writeLog, type ConnectOptions, type Credentials, type Settings } from "../options.js";
import type { Packet } from "../packets.js";
import { onLeave, onWake } from "../platform.js";
import { checkInteger, encodeProperties, NO_BYTES, toBytes } from "../properties.js";
import { Subscription, type Handler, type SubscribeOptions, type Wish } from "../subscription.js";
import { Command, Contents, FIRST_RECORD, Parcel } from "./parcel.js";
import { fromClone, toClone, type Orders, type Posted, type Question, type Reports } from "./protocol.js";
import { RemoteSubscriptions, type Consumer } from "./deliveries.js";

const TOPICS = 1024; // names that the Worker keeps for us
const NOTHING: RecordSource = { words: new Uint32Array(0), view: () => NO_BYTES, text: () => "" };
const MOST_UTF8 = 3; // bytes that a UTF-16 unit takes
const MOST_AROUND = 32; // bytes of a PUBLISH beside topic, properties and payload (5.0 §3.3)
const PATIENCE = 3000; // ms for the Worker to close the connection

/** The Worker, and what gives it up. */
export interface Home {
  port: MessagePort;
  form: WorkerForm;
  /** Resolves when the Worker is gone. */
  gone: Promise<void>;
  release(): void;
}

interface Opening {
  promise: Promise<void>;
  resolve(): void;
  reject(error: Error): void;
}

export class RemoteSession implements Backend {
  readonly worker: WorkerForm;
  state: State = "idle";
  server: ServerInfo | undefined;
  clientId: string;
  published = 0;
  stats: SessionStats = { bytesReceived: 0, bytesSent: 0, connections: 0, pending: 0, pendingBytes: 0 };

  readonly #home: Home;
  readonly #port: MessagePort;
  readonly #settings: Settings;
  readonly #options: ConnectOptions;
  readonly #owner: BackendOwner;
  readonly #operations = new Operations(() => 0, (operation) => this.#command(Command.cancel, operation));
  readonly #subscriptions: RemoteSubscriptions;
  readonly #walker: Walker<Consumer>;
  readonly #parcel = new Parcel();
  readonly #topics = new Map<string, number>();
  readonly #unlisten = [onWake(() => this.#order("wake", null)), onLeave(() => this.#order("leave", null))];
  #droppedThere = 0;
  #isThere = true; // what was stored, at the end
  #onpacket: ((packet: Packet) => void) | undefined;
  #posting = false;
  #turn: { operation: number; sent: Promise<PublishResult> } | undefined; // messages of QoS 0 of this turn
  #opening: Opening | undefined;
  #stopped: ((error: unknown) => void) | undefined;
  #stopping: Promise<void> | undefined;
  #end: MqttError | undefined;

  constructor(home: Home, settings: Settings, options: ConnectOptions, owner: BackendOwner) {
    this.worker = home.form;
    this.#home = home;
    this.#port = home.port;
    this.#settings = settings;
    this.clientId = settings.clientId;
    this.#options = options;
    this.#owner = owner;
    this.#subscriptions = new RemoteSubscriptions((error) => owner.report(error), {
      acknowledge: (serial, reason) => this.#command(Command.acknowledge, serial, reason),
      unsubscribe: (id, signal) => this.#unsubscribe(id, signal),
      halted: () => this.#end !== undefined,
    });
    this.#walker = new Walker(NOTHING, {
      deliveries: this.#subscriptions,
      outcomes: this.#operations,
      keeping: { persist: (...[, , , , , operation]) => this.#operations.kept(operation), forget: () => {}, flush: () => {} },
    });
    this.#port.onmessage = ({ data }: MessageEvent<ArrayBuffer | Posted<Reports>>) => {
      if (data instanceof ArrayBuffer) this.#receive(new Contents(data));
      else this.#heard(data);
    };
    // What the Worker is still storing may come to be there.
    if (settings.durable) this.#operations.store = { holds: async () => (await this.#stopping?.catch(() => {}), this.#isThere) };
    void home.gone.then(() => this.#finish(new MqttError("WORKER_LOST", "session")));
  }

  get received(): number {
    return this.#subscriptions.received;
  }

  get dropped(): number {
    return this.#subscriptions.dropped + this.#droppedThere;
  }

  set onmessage(take: ((message: Message) => boolean) | undefined) {
    this.#subscriptions.onmessage = take;
    this.#order("everything", null);
  }

  set onpacket(take: (packet: Packet) => void) {
    this.#onpacket = take;
    this.#order("packets", null);
  }

  // ---- the connection ----

  start(): Promise<void> {
    if (!this.#opening) {
      const opening = {} as Opening;
      opening.promise = new Promise((resolve, reject) => Object.assign(opening, { resolve, reject }));
      this.#opening = opening;
      this.#order("start", null);
    }
    return this.#opening.promise;
  }

  stop(error: MqttError, options: CloseOptions = {}): Promise<void> {
    if (this.#end) return this.#stopping ?? Promise.resolve();
    checkInteger("reasonCode", options.reasonCode ?? 0, 0, 0xff);
    encodeProperties(options.properties);
    this.#stopping = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(resolve, PATIENCE);
      this.#stopped = (refusal) => {
        clearTimeout(timer);
        if (refusal) reject(fromClone(refusal));
        else resolve();
      };
    }).finally(() => this.#home.release());
    this.#order("stop", { options: structuredClone(options) });
    this.#finish(error);
    return this.#stopping;
  }

  reauthenticate(): Promise<void> {
    const operation = this.#operations.next();
    this.#order("reauthenticate", { operation });
    return this.#operations.wait("session").then(() => {});
  }

  /** Nothing is told, sent or waited for any more. */
  #finish(error: MqttError): void {
    if (this.#end) return;
    this.#end = error;
    this.#walker.halted = true;
    this.state = "closed";
    for (const unlisten of this.#unlisten) unlisten();
    this.#owner.ended(error);
    this.#operations.rejectAll(error);
    this.#subscriptions.finish(error.code === "CLIENT_CLOSED" ? undefined : error);
    this.#owner.stateChanged(error.code === "CLIENT_CLOSED" ? { state: "closed" } : { state: "closed", reason: error });
    this.#opening?.reject(error);
    if (!this.#stopped) this.#home.release();
  }

  // ---- messages out ----

  publish(
    topic: string, payload: unknown, flags: number, properties: Uint8Array, expiry: number, signal: AbortSignal | undefined,
  ): Promise<PublishResult> {
    const slot = this.#topicSlot(topic); // before the payload: text is encoded in the same place
    const bytes = toBytes("payload", payload);
    // What is sent at once shares a promise; what waits for a connection has its own fate.
    const shared = flags <= 1 && !signal && this.state === "online" && this.#isTaken(topic, bytes.length + properties.length, flags);
    const operation = shared ? 0 : this.#operations.next();
    const parcel = this.#parcel;
    const words = [operation, slot, expiry, parcel.put(bytes), bytes.length, parcel.put(properties), properties.length];
    parcel.add(Command.publish, flags, words);
    this.#schedule();
    this.published++;
    if (shared) return this.#unanswered();
    const sent = this.#operations.wait("publish", signal);
    if (flags <= 1) sent.catch(() => {}); // who sends QoS 0 without waiting has said that its fate does not matter
    return sent;
  }

  enqueue(
    id: string, topic: string, payload: unknown, flags: number, properties: Uint8Array, expiry: number, signal: AbortSignal | undefined,
  ): Enqueued {
    const bytes = toBytes("payload", payload); // a mistake in it is told before anything is
    this.published++;
    const { number: operation, ...enqueued } = this.#operations.enqueue(id, signal);
    this.#order("enqueue", { operation, id, topic, payload: bytes, flags, properties, expiry });
    return enqueued;
  }

  /** Whether the server takes a message of QoS 0, for sure (5.0 §3.2.2.3): if not, it is to fail alone. */
  #isTaken(topic: string, size: number, flags: number): boolean {
    const { maximumPacketSize = Infinity, retainAvailable = true } = this.server ?? {};
    return topic.length * MOST_UTF8 + size + MOST_AROUND <= maximumPacketSize && (flags === 0 || Boolean(retainAvailable));
  }

  #unanswered(): Promise<PublishResult> {
    if (!this.#turn) {
      const operation = this.#operations.next();
      this.#turn = { operation, sent: this.#operations.wait("publish") };
      this.#turn.sent.catch(() => {}); // as above
    }
    return this.#turn.sent;
  }

  #topicSlot(topic: string): number {
    const known = this.#topics.get(topic);
    if (known !== undefined) return known;
    checkTopicName(topic);
    if (this.#topics.size >= TOPICS) this.#topics.clear();
    const slot = this.#topics.size;
    const bytes = toBytes("a topic", topic);
    this.#parcel.add(Command.topic, 0, [slot, this.#parcel.put(bytes), bytes.length]);
    this.#topics.set(topic, slot);
    return slot;
  }

  async idle(): Promise<void> {
    if (this.#settings.durable) {
      const operation = this.#operations.next();
      this.#order("restored", { operation });
      await this.#operations.wait("session");
    }
    await this.#operations.idle();
  }

  #command(command: Command, first: number, second = 0): void {
    this.#parcel.add(command, 0, [first, second]);
    this.#schedule();
  }

  /** Posts the parcel once, at the end of the turn. */
  #schedule(): void {
    if (this.#posting) return;
    this.#posting = true;
    queueMicrotask(() => this.#post());
  }

  #post(): void {
    this.#posting = false;
    if (this.#turn) {
      this.#parcel.add(Command.turn, 0, [this.#turn.operation]);
      this.#turn = undefined;
    }
    if (this.#parcel.empty || this.#end) return;
    const buffer = this.#parcel.take(0);
    this.#port.postMessage(buffer, [buffer]);
  }

  #order<Name extends keyof Orders>(name: Name, body: Orders[Name]): void {
    if (this.#end) return;
    this.#post(); // what came before it
    this.#port.postMessage({ name, body });
  }

  // ---- messages in ----

  subscribe(wishes: readonly Wish[], options: SubscribeOptions, handler: Handler | undefined): Promise<Subscription> {
    for (const { pattern, options: byte } of wishes) checkTopicFilter(pattern.filter, byte);
    const { signal, properties, ack } = options;
    if (signal?.aborted) return Promise.reject(new MqttError("CANCELLED", "subscribe", { cause: signal.reason }));
    return this.#ask(this.#subscriptions.join(wishes, options, handler), ack === "manual", properties && structuredClone(properties), signal);
  }

  async #ask(
    { subscription, id, wishes }: ReturnType<RemoteSubscriptions["join"]>, manual: boolean,
    properties: SubscribeOptions["properties"], signal: AbortSignal | undefined,
  ): Promise<Subscription> {
    this.#order("subscribe", { operation: this.#operations.next(), id, wishes, manual, properties });
    try {
      const { codes, properties: told } = await this.#operations.wait("subscribe", signal);
      subscription.granted = codes!;
      subscription.properties = told;
      subscription.endWith(signal);
      return subscription;
    } catch (error) {
      // The Worker may have it already.
      if ((error as MqttError).code === "CANCELLED") this.#unsubscribe(id, undefined).catch(() => {});
      this.#subscriptions.leave(id);
      subscription.finish();
      subscription.discard();
      throw error;
    }
  }

  route(wishes: readonly Wish[], handler: Handler): Subscription {
    for (const { pattern } of wishes) checkTopicFilter(pattern.filter);
    const { subscription, id, wishes: remote } = this.#subscriptions.join(wishes, {}, handler);
    this.#order("route", { id, wishes: remote });
    return subscription;
  }

  async #unsubscribe(id: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#end) throw this.#end;
    this.#order("unsubscribe", { operation: this.#operations.next(), id });
    await this.#operations.wait("unsubscribe", signal);
  }

  atChunkEnd(task: () => unknown): void {
    this.#subscriptions.atChunkEnd(task);
  }

  // ---- what the Worker says ----

  #receive(contents: Contents): void {
    if (this.#end && !this.#stopping) return;
    const [bytesReceived, bytesSent, connections, pending, pendingBytes, dropped] = contents.counters as unknown as [number, number, number, number, number, number];
    this.stats = { bytesReceived, bytesSent, connections, pending, pendingBytes };
    this.#droppedThere = dropped;
    const walker = this.#walker;
    walker.source = contents;
    walker.buffer = contents.bytes.buffer;
    walker.base = walker.area = contents.base;
    walker.walk(FIRST_RECORD, contents.words.length - FIRST_RECORD);
    walker.chunkEnd();
    if (walker.halted || contents.turn === 0) return;
    this.#post(); // acknowledgements by hand
    this.#port.postMessage(contents.turn);
  }

  #heard({ name, body }: Posted<Reports>): void {
    if (name === "stopped") {
      this.#isThere = body.isThere;
      return this.#stopped?.(body.error);
    }
    if (this.#end) return;
    switch (name) {
      case "state": {
        const { change, reason, server, clientId } = body;
        if (change.state === "closed") return; // `ended` tells more
        if (this.state === "online") this.#subscriptions.lost();
        if (change.state === "online") this.#subscriptions.connected(server!.sessionPresent);
        Object.assign(this, { state: change.state, server, clientId });
        this.#owner.stateChanged(reason ? { ...change, reason: fromClone(reason) as MqttError } : change);
        if (change.state === "online") this.#opening?.resolve();
        return;
      }
      case "ended":
        this.#isThere = body.isThere;
        return this.#finish(fromClone(body.error) as MqttError);
      case "report":
        return this.#owner.report(fromClone(body.error));
      case "log":
        return writeLog(this.#options.log, body.record.event, { ...body.record, ...(body.reason !== undefined && { reason: fromClone(body.reason) }) });
      case "question":
        return void this.#answer(body);
      case "failed":
        return this.#operations.take(body.operation)?.reject(fromClone(body.error) as Error);
      case "packet":
        return this.#onpacket?.(body);
      case "settled":
        return this.#owner.settled({ ...body, error: body.error && fromClone(body.error) } as Fate);
      case "refused":
        return this.#subscriptions.refused(body.id, fromClone(body.error) as Error);
    }
  }

  async #answer({ id, what, argument }: Reports["question"]): Promise<void> {
    const { credentials, authentication } = this.#options;
    try {
      let value: unknown;
      if (what === "url") value = readUrl(await this.#settings.urls[0]!(argument as Question["url"])).href;
      else if (what === "credentials") value = readCredentials(await (credentials as () => Credentials | Promise<Credentials>)());
      else value = await authentication!.next!(argument as Question["next"]);
      this.#order("answer", { id, value });
    } catch (error) {
      this.#order("answer", { id, error: toClone(error) });
    }
  }
}
