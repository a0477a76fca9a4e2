// Messages for filters that a client before this one had subscribed to: they wait until this client subscribes to them, too.

/** A message that waits. */
export interface Waiting<Taker> {
  /** Hands it to who has come for a filter. Returns what acknowledges it once it was handled, if that is not done by hand. */
  give(taker: Taker): (() => void) | undefined;
  /** Nobody comes for one of its filters. */
  giveUp(): void;
}

const PATIENCE = 30_000; // ms: the acknowledgements of all that comes later wait as well (5.0 §4.6)

export class Unclaimed<Filter, Taker> {
  readonly #waiting = new Map<Filter, Waiting<Taker>[]>();
  readonly #gaveUp: (filter: Filter, count: number) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param gaveUp is told for how many messages of a filter nobody has come */
  constructor(gaveUp: (filter: Filter, count: number) => void) {
    this.#gaveUp = gaveUp;
  }

  /** A filter that the server knows, and nobody here has subscribed to. */
  add(filter: Filter): void {
    this.#waiting.set(filter, []);
  }

  /** Has a message wait. Returns how many of the filters it matches are unclaimed. */
  keep(filters: readonly Filter[], message: Waiting<Taker>): number {
    const lists = filters.flatMap((filter) => (this.#waiting.has(filter) ? [this.#waiting.get(filter)!] : []));
    for (const list of lists) list.push(message);
    if (lists.length > 0) this.#timer ??= setTimeout(() => this.#giveUp(), PATIENCE);
    return lists.length;
  }

  /** Somebody has come for a filter. Returns what waits for it. */
  claim(filter: Filter): readonly Waiting<Taker>[] {
    const waiting = this.#waiting.get(filter) ?? [];
    this.#waiting.delete(filter);
    return waiting;
  }

  /** The connection is over: what was not acknowledged comes again with the next. */
  lost(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const list of this.#waiting.values()) list.length = 0;
  }

  #giveUp(): void {
    this.#timer = undefined;
    for (const [filter, list] of this.#waiting) {
      if (list.length > 0) this.#gaveUp(filter, list.length);
      for (const message of list.splice(0)) message.giveUp();
    }
  }
}
