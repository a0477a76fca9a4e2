import type { Subscription } from "./subscription.js";

/** Calls the application's handlers, and counts what they get. */
export abstract class Handlers {
  /** Messages that have arrived, and that were dropped as what takes them was too slow. */
  received = 0;
  dropped = 0;
  readonly #report: (error: unknown) => void;
  readonly #tasks: (() => unknown)[] = [];

  /** @param report takes what a handler throws, or what a promise of it rejects with: neither stops what comes after it */
  constructor(report: (error: unknown) => void) {
    this.#report = report;
  }

  protected call<Value>(handler: (value: Value) => unknown, value: Value): void {
    try {
      const result = handler(value);
      if (result instanceof Promise) result.catch(this.#report);
    } catch (error) {
      this.#report(error);
    }
  }

  report(error: unknown): void {
    this.#report(error);
  }

  /** Has `task` run when all messages of the chunk were handed out, before they are acknowledged. */
  atChunkEnd(task: () => unknown): void {
    this.#tasks.push(task);
  }

  protected runTasks(): void {
    if (this.#tasks.length === 0) return;
    for (const task of this.#tasks.splice(0)) if (!this.halted) this.call(task, undefined);
  }

  /** The connection is over. */
  lost(): void {
    for (const subscription of this.subscriptions()) subscription.lost();
  }

  /** There is a connection again. */
  connected(sessionPresent: boolean): void {
    for (const subscription of this.subscriptions()) subscription.connected(sessionPresent);
  }

  protected abstract subscriptions(): Iterable<Subscription>;

  /** Whether the client was closed: from then on nothing is told. */
  protected abstract get halted(): boolean;
}

/** A message that is acknowledged by hand: when all who hold it have answered, and it was handed to all of them. */
export class Held {
  waiting = 1;
  #reason = 0;

  /** @param acknowledge takes the highest reason code that anyone has answered with */
  constructor(private readonly acknowledge: (reason: number) => void) {}

  answer(reasonCode: number): void {
    this.#reason = Math.max(this.#reason, reasonCode);
    if (--this.waiting === 0) this.acknowledge(this.#reason);
  }
}
