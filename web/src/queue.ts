/** What happens when more values wait than may. */
export type Overflow = "drop-oldest" | "drop-newest";

/** What is to be done besides when a value waits, is taken by the loop or dropped, or when the loop asks for the next. */
export interface Hooks<Value> {
  kept?: ((value: Value) => void) | undefined;
  taken?: ((value: Value) => void) | undefined;
  dropped?: ((value: Value) => void) | undefined;
  asked?: (() => void) | undefined;
}

/** Values that are pushed and iterated over: by one loop at a time, each value once. */
export class Queue<Value> implements AsyncIterableIterator<Value, undefined> {
  readonly #values: Value[] = [];
  readonly #waiting: { resolve(result: IteratorResult<Value, undefined>): void; reject(error: unknown): void }[] = [];
  #ended = false;
  #error: Error | undefined;

  constructor(
    private readonly limit = Infinity,
    private readonly overflow: Overflow = "drop-oldest",
    private readonly hooks: Hooks<Value> = {},
  ) {}

  push(value: Value): void {
    if (this.#ended) return;
    const waiting = this.#waiting.shift();
    if (waiting) {
      this.hooks.taken?.(value);
      return waiting.resolve({ value, done: false });
    }
    this.hooks.kept?.(value);
    this.#values.push(value);
    if (this.#values.length <= this.limit) return;
    const dropped = this.overflow === "drop-oldest" ? this.#values.shift() : this.#values.pop();
    this.hooks.dropped?.(dropped!);
  }

  /** No value will follow. What waits is still handed out, then the loop ends, or throws `error`. */
  end(error?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    const waiting = this.#waiting.splice(0);
    if (waiting.length === 0) this.#error = error;
    for (const { resolve, reject } of waiting) error ? reject(error) : resolve({ value: undefined, done: true });
  }

  /** Takes out all that waits. */
  clear(): Value[] {
    return this.#values.splice(0);
  }

  next(): Promise<IteratorResult<Value, undefined>> {
    this.hooks.asked?.();
    if (this.#values.length > 0) {
      const value = this.#values.shift()!;
      this.hooks.taken?.(value);
      return Promise.resolve({ value, done: false });
    }
    if (this.#ended) {
      const error = this.#error;
      this.#error = undefined;
      return error ? Promise.reject(error) : Promise.resolve({ value: undefined, done: true });
    }
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
