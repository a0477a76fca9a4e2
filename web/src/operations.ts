import type { Outcomes } from "./engine/records.js";
import { coreError, MqttError, type ErrorCode, type Phase } from "./errors.js";
import type { PubackProperties } from "./generated/properties.js";
import type { KeptOperation } from "./keeping.js";
import { parseProperties } from "./properties.js";
import { onAbort } from "./signal.js";

/** What became of a message. QoS 0 has no answer of the server: it counts as success when the socket has it. */
export interface PublishResult {
  /** 0, or 0x10: no subscriber has matched (5.0 §3.4.2.1). */
  reasonCode: number;
  properties: PubackProperties;
}

/** What became of a message that was enqueued, also by a client before this one: `error`, or what the server has said. */
export type Fate = { id: string } & (({ error?: undefined } & PublishResult) | { error: Error; reasonCode?: undefined });

/** A message that was enqueued. */
export interface Enqueued {
  /** Resolves when the message is in the store: it will be sent, by this client or the next one. */
  stored: Promise<void>;
  /** As that of `publish()`. */
  acked: Promise<PublishResult>;
}

/** What the server said to an operation; `codes` of SUBSCRIBE and UNSUBSCRIBE (the latter not in 3.1.1). */
export interface Answer extends PublishResult {
  codes?: number[];
}

interface Settlers<Result> {
  resolve(result: Result): void;
  reject(error: Error): void;
}

/** Resolves the promise of an operation; with a rejected one to reject it, as every function that is held takes memory. */
type Resolve = (answer: Answer | PromiseLike<Answer>) => void;

/** What the core tells of one operation. All but received() end it. */
export interface Operation {
  /** What PUBREC says of a message that is not done yet. */
  received(reason: number, properties: Uint8Array): void;
  done(reason: number, properties: Uint8Array): void;
  /** `error` is a number of the core. */
  failed(error: number): void;
  answered(codes: number[], properties: Uint8Array): void;
  /** It ends for a reason that the core knows nothing of. */
  reject(error: Error): void;
  /** Of a message that was enqueued: how the store knows it, and what is to be done when it does. */
  readonly id?: string;
  kept?(): void;
}

/** What keeps messages. */
export interface MessageStore {
  /** Resolves when what was to be kept is, with whether it is there. */
  holds(): Promise<boolean>;
}

/** An operation that a promise waits for. */
class Promised implements Operation {
  readonly #phase: Phase;
  readonly #resolve: Resolve;
  #received: PublishResult | undefined;
  /** Takes back the listener of a signal. */
  release: (() => void) | undefined;

  constructor(phase: Phase, resolve: Resolve) {
    this.#phase = phase;
    this.#resolve = resolve;
  }

  received(reasonCode: number, bytes: Uint8Array): void {
    this.#received = { reasonCode, properties: parseProperties(bytes) };
  }

  done(reasonCode: number, bytes: Uint8Array): void {
    const phase = this.#phase;
    const received = this.#received;
    const properties = { ...received?.properties, ...parseProperties(bytes) };
    if (reasonCode < 0x80) return this.#end({ reasonCode: reasonCode || (received?.reasonCode ?? 0), properties });
    this.reject(new MqttError(REFUSED[phase]!, phase, { reasonCode, reasonString: properties.reasonString }));
  }

  failed(error: number): void {
    this.reject(coreError(error, this.#phase));
  }

  answered(codes: number[], bytes: Uint8Array): void {
    this.#end({ reasonCode: codes[0] ?? 0, codes, properties: parseProperties(bytes) });
  }

  reject(error: Error): void {
    this.#end(Promise.reject(error));
  }

  #end(answer: Answer | Promise<never>): void {
    this.release?.();
    this.#resolve(answer);
  }
}

/** A message that was enqueued: its fate is told to whoever listens to the client, and to its promises. */
class EnqueuedMessage implements Operation, Enqueued {
  readonly acked: Promise<PublishResult>;
  readonly stored: Promise<void>;
  readonly #promised: Promised;
  #kept = false;
  #settlers!: Settlers<void>;

  constructor(readonly id: string, told: (fate: Fate) => void) {
    let resolve!: Resolve;
    this.acked = new Promise<Answer>((settle) => (resolve = settle));
    this.#promised = new Promised("publish", resolve);
    this.stored = new Promise((...[settle, reject]) => (this.#settlers = { resolve: settle, reject }));
    this.acked.then(
      (result) => told({ id, ...result }),
      (error: MqttError) => {
        if (!this.#kept) this.#settlers.reject(error);
        if (!error.stored) told({ id, error });
      },
    );
  }

  set release(release: () => void) {
    this.#promised.release = release;
  }

  kept(): void {
    this.#kept = true;
    this.#settlers.resolve();
  }

  received(reason: number, properties: Uint8Array): void {
    this.#promised.received(reason, properties);
  }

  done(reason: number, properties: Uint8Array): void {
    this.kept(); // the server has it
    this.#promised.done(reason, properties);
  }

  failed(error: number): void {
    this.#promised.failed(error);
  }

  answered(): void {} // that is of SUBSCRIBE and UNSUBSCRIBE

  reject(error: Error): void {
    this.#promised.reject(error);
  }
}

const ignore = () => {};

/** The QoS 0 messages of one turn: they go to the socket together, and share a promise. */
class Turn implements Settlers<PublishResult> {
  resolve!: (result: PublishResult) => void;
  reject!: (error: Error) => void;
  readonly promise = new Promise<PublishResult>((resolve, reject) => {
    this.resolve = resolve;
    this.reject = reject;
  });

  constructor() {
    this.promise.then(undefined, ignore); // who sends QoS 0 without waiting has said that its fate does not matter
  }
}

const REFUSED: { [phase in Phase]?: ErrorCode } = { publish: "PUBLISH_REFUSED", unsubscribe: "UNSUBSCRIBE_REFUSED" };
const SENT: PublishResult = { reasonCode: 0, properties: {} };
// Publishers of QoS 0 wait while the socket holds more bytes than this; browsers tell nobody when it has sent some.
const BACKLOG = 1024 * 1024;
const LOOK_AGAIN = 20; // ms

/** The operations under way, by the number that the core knows them by. Each has a promise, and each promise settles. */
export class Operations implements Outcomes {
  readonly #operations: (Operation | Resolve | undefined)[] = [undefined]; // 0 stands for none
  readonly #free: number[] = [];
  readonly #cancelled = new Set<number>(); // not free yet: a record that is still to be walked may name them
  readonly #idle: Settlers<void>[] = [];
  /** Where there is a store: the operations whose messages are in it. */
  readonly #kept = new Set<number>();
  /** What keeps messages, where there is a store. */
  store: MessageStore | undefined;
  /** Takes what becomes of messages that were enqueued. */
  settled: (fate: Fate) => void = () => {};
  #count = 0;
  #telling = 0; // fates that are still to be told
  #turn: Turn | undefined;

  constructor(
    /** Bytes that the socket has not sent yet. */
    private readonly backlog: () => number,
    /** Tells the core that nobody waits for an operation any more. */
    private readonly cancel: (operation: number) => void,
  ) {}

  /** The number for an operation that is about to be given to the core; it is taken by add(). */
  next(): number {
    return this.#free[this.#free.length - 1] ?? this.#operations.length;
  }

  /**
   * The operation that was given to the core under the number of next(). Returns the number. Of a message that somebody
   * waits for, its promise's function alone is held: there may be tens of thousands.
   */
  add(operation: Operation | Resolve): number {
    const number = this.#free.pop() ?? this.#operations.length;
    this.#operations[number] = operation;
    this.#count++;
    return number;
  }

  /** As add(), for a promise. */
  wait(phase: Phase, signal?: AbortSignal): Promise<Answer> {
    return new Promise((resolve) => {
      if (!signal && phase === "publish") return this.add(resolve);
      const operation = new Promised(phase, resolve);
      const number = this.add(operation);
      operation.release = onAbort(signal, (cause) => this.drop(number)?.reject(new MqttError("CANCELLED", phase, { cause })));
    });
  }

  /**
   * A message that is about to be enqueued, or that a client before this one has. Its fate is told, so that nobody has to wait
   * for it.
   */
  enqueue(id: string, signal?: AbortSignal): Enqueued & { number: number } {
    const message = new EnqueuedMessage(id, (fate) => this.settled(fate));
    const number = this.add(message);
    message.release = onAbort(signal, (cause) => this.drop(number)?.reject(new MqttError("CANCELLED", "publish", { cause })));
    const { stored, acked } = message;
    this.#telling++;
    acked.catch(ignore).finally(() => {
      this.#telling--;
      this.#checkIdle();
    });
    stored.catch(ignore); // an event tells
    return { number, stored, acked };
  }

  /** An operation, as what keeps its message sees it: it may take time, and others get the number. */
  forStore(number: number): KeptOperation {
    const operation = this.#operations[number];
    const id = (operation as Partial<Operation> | undefined)?.id ?? "";
    return { id, isKept: this.#kept.has(number), kept: () => this.#operations[number] === operation && this.kept(number) };
  }

  /** The message of this operation is in the store. */
  kept(number: number): void {
    const operation = this.#operations[number];
    if (operation) this.#kept.add(number);
    if (typeof operation === "object") operation.kept?.();
  }

  /** Nobody waits for an operation any more, and the core is told so. */
  drop(number: number): Operation | undefined {
    const operation = this.#find(number);
    if (!operation) return undefined;
    this.cancel(number);
    this.#operations[number] = undefined;
    this.#kept.delete(number);
    this.#cancelled.add(number);
    this.#ended();
    return operation;
  }

  #find(number: number): Operation | undefined {
    const operation = this.#operations[number];
    return typeof operation === "function" ? new Promised("publish", operation) : operation;
  }

  /** What becomes of a message of QoS 0 that leaves with this turn. */
  unanswered(): Promise<PublishResult> {
    return (this.#turn ??= new Turn()).promise;
  }

  /** An operation that ends now. */
  take(number: number): Operation | undefined {
    const operation = this.#find(number);
    if (operation) {
      this.#operations[number] = undefined;
      this.#free.push(number);
      this.#kept.delete(number);
      this.#ended();
    } else if (this.#cancelled.delete(number)) {
      this.#free.push(number);
    }
    return operation;
  }

  #ended(): void {
    this.#count--;
    this.#checkIdle();
  }

  // ---- what the core tells ----

  received(number: number, reason: number, properties: Uint8Array): void {
    const operation = (this.#operations[number] = this.#find(number));
    operation?.received(reason, properties);
  }

  done(number: number, reason: number, properties: Uint8Array): void {
    this.take(number)?.done(reason, properties);
  }

  failed(number: number, error: number): void {
    this.take(number)?.failed(error);
  }

  answered(number: number, codes: number[], properties: Uint8Array): void {
    this.take(number)?.answered(codes, properties);
  }

  // ---- what the connection tells ----

  /** The records of a turn are walked, and the socket has got its messages. */
  flushed(): void {
    if (this.#cancelled.size > 0) {
      this.#free.push(...this.#cancelled);
      this.#cancelled.clear();
    }
    const turn = this.#turn;
    if (!turn) return;
    this.#turn = undefined;
    const look = () => (this.backlog() > BACKLOG ? void setTimeout(look, LOOK_AGAIN) : turn.resolve(SENT));
    look();
    this.#checkIdle();
  }

  /** The connection is over: what was to leave with this turn is lost. */
  lost(error: MqttError): void {
    this.#turn?.reject(error);
    this.#turn = undefined;
    this.#checkIdle();
  }

  /** The client is closed: nothing will be told of anything. */
  rejectAll(error: MqttError): void {
    for (const waiting of this.#idle.splice(0)) waiting.reject(error);
    this.lost(error);
    const reject = (isThere: boolean) => {
      for (let number = 0; number < this.#operations.length; number++) {
        const stored = isThere && this.#kept.has(number);
        this.take(number)?.reject(stored ? new MqttError(error.code, error.phase, { ...error, cause: error, stored }) : error);
      }
    };
    // What has just been given to the store may come to be there.
    if (this.store) void this.store.holds().then(reject);
    else reject(false);
  }

  /** Resolves when no operation is under way, and the fates of messages that were enqueued are told. */
  idle(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#idle.push({ resolve, reject });
      this.#checkIdle();
    });
  }

  #checkIdle(): void {
    if (this.#count > 0 || this.#telling > 0 || this.#turn) return;
    for (const waiting of this.#idle.splice(0)) waiting.resolve();
  }
}
