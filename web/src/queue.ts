/** What happens when more values wait than may. */
export type Overflow = "drop-oldest" | "drop-newest";

/** Values that are pushed and iterated over, each once. */
export class Queue<Value> {
  readonly values: Value[] = [];
  #wake = () => {};
  #more: Promise<void> | undefined;
  #ended: { error: Error | undefined } | undefined;

  push(value: Value): void {
    this.values.push(value);
    this.#tell();
  }

  /** Puts values before all that wait. */
  putBack(values: readonly Value[]): void {
    this.values.unshift(...values);
    this.#tell();
  }

  /** Takes out what waits and is such. */
  take(isSuch: (value: Value) => boolean): Value[] {
    const taken = this.values.filter(isSuch);
    if (taken.length > 0) this.values.splice(0, Infinity, ...this.values.filter((value) => !isSuch(value)));
    return taken;
  }

  /** No value will follow. What waits is still handed out, then loops end, or throw `error`. */
  end(error?: Error): void {
    this.#ended ??= { error };
    this.#tell();
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  #tell(): void {
    this.#more = undefined;
    this.#wake();
  }

  async *loop(): AsyncGenerator<Value, undefined> {
    for (;;) {
      if (this.values.length > 0) {
        yield this.values.shift()!;
      } else if (this.#ended) {
        if (this.#ended.error) throw this.#ended.error;
        return undefined;
      } else {
        await (this.#more ??= new Promise((resolve) => (this.#wake = resolve)));
      }
    }
  }
}
