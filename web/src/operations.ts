import type { Outcomes } from "./engine/records.js";
import { coreError, MqttError, type ErrorCode, type Phase } from "./errors.js";
import type { PubackProperties } from "./generated/properties.js";
import { parseProperties } from "./properties.js";
import { onAbort } from "./signal.js";

/** What became of a message. QoS 0 has no answer of the server: it counts as success when the socket has it. */
export interface PublishResult {
  /** 0, or 0x10: no subscriber has matched (5.0 §3.4.2.1). */
  reasonCode: number;
  properties: PubackProperties;
}

/** What the server said to an operation; `codes` of SUBSCRIBE and UNSUBSCRIBE (the latter not in 3.1.1). */
export interface Answer extends PublishResult {
  codes?: number[];
}

interface Settlers<Result> {
  resolve(result: Result): void;
  reject(error: Error): void;
}

interface Operation extends Settlers<Answer> {
  phase: Phase;
  /** What PUBREC has said. */
  received?: PublishResult;
  /** Takes back the listener of a signal. */
  release: (() => void) | undefined;
}

/** The QoS 0 messages of one turn: they go to the socket together, and share a promise. */
interface Turn extends Settlers<PublishResult> {
  promise: Promise<PublishResult>;
}

const REFUSED: { [phase in Phase]?: ErrorCode } = { publish: "PUBLISH_REFUSED", unsubscribe: "UNSUBSCRIBE_REFUSED" };
const SENT: PublishResult = { reasonCode: 0, properties: {} };
// Publishers of QoS 0 wait while the socket holds more bytes than this; browsers tell nobody when it has sent some.
const BACKLOG = 1024 * 1024;
const LOOK_AGAIN = 20; // ms

/** The operations under way, by the number that the core knows them by. Each has a promise, and each promise settles. */
export class Operations implements Outcomes {
  readonly #operations: (Operation | undefined)[] = [undefined]; // 0 stands for none
  readonly #free: number[] = [];
  readonly #cancelled: number[] = []; // free after the walk: a record that is still to be walked may name them
  readonly #idle: Settlers<void>[] = [];
  #count = 0;
  #turn: Turn | undefined;

  constructor(
    /** Bytes that the socket has not sent yet. */
    private readonly backlog: () => number,
    /** Tells the core that nobody waits for an operation any more. */
    private readonly cancel: (operation: number) => void,
  ) {}

  /** The number for an operation that is about to be given to the core; it is taken by wait(). */
  next(): number {
    return this.#free.at(-1) ?? this.#operations.length;
  }

  /** What becomes of the operation that was given to the core under the number of next(). */
  wait(phase: Phase, signal?: AbortSignal): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const number = this.#free.pop() ?? this.#operations.length;
      const operation: Operation = (this.#operations[number] = { phase, resolve, reject, release: undefined });
      this.#count++;
      operation.release = onAbort(signal, (cause) => {
        this.cancel(number);
        this.#take(number, this.#cancelled)?.reject(new MqttError("CANCELLED", phase, { cause }));
      });
    });
  }

  /** What becomes of a message of QoS 0 that leaves with this turn. */
  unanswered(): Promise<PublishResult> {
    return (this.#turn ??= newTurn()).promise;
  }

  #take(number: number, free = this.#free): Operation | undefined {
    const operation = this.#operations[number];
    if (!operation) return undefined;
    this.#operations[number] = undefined;
    free.push(number);
    this.#count--;
    operation.release?.();
    this.#checkIdle();
    return operation;
  }

  // ---- what the core tells ----

  received(number: number, reasonCode: number, bytes: Uint8Array): void {
    const operation = this.#operations[number];
    if (operation) operation.received = { reasonCode, properties: parseProperties(bytes) };
  }

  done(number: number, reasonCode: number, bytes: Uint8Array): void {
    const operation = this.#take(number);
    if (!operation) return;
    const { phase, received } = operation;
    const properties = { ...received?.properties, ...parseProperties(bytes) };
    if (reasonCode < 0x80) return operation.resolve({ reasonCode: reasonCode || (received?.reasonCode ?? 0), properties });
    operation.reject(new MqttError(REFUSED[phase]!, phase, { reasonCode, reasonString: properties.reasonString }));
  }

  failed(number: number, error: number): void {
    const operation = this.#take(number);
    operation?.reject(coreError(error, operation.phase));
  }

  answered(number: number, codes: number[], bytes: Uint8Array): void {
    this.#take(number)?.resolve({ reasonCode: codes[0] ?? 0, codes, properties: parseProperties(bytes) });
  }

  // ---- what the connection tells ----

  /** The records of a turn are walked, and the socket has got its messages. */
  flushed(): void {
    this.#free.push(...this.#cancelled.splice(0));
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
    for (let number = 0; number < this.#operations.length; number++) this.#take(number)?.reject(error);
  }

  /** Resolves when no operation is under way. */
  idle(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#idle.push({ resolve, reject });
      this.#checkIdle();
    });
  }

  #checkIdle(): void {
    if (this.#count > 0 || this.#turn) return;
    for (const waiting of this.#idle.splice(0)) waiting.resolve();
  }
}

function newTurn(): Turn {
  const turn = {} as Turn;
  turn.promise = new Promise((resolve, reject) => Object.assign(turn, { resolve, reject }));
  turn.promise.catch(() => {}); // who sends QoS 0 without waiting has said that its fate does not matter
  return turn;
}
