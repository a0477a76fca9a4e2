// Messages for filters that a client before this one had subscribed to: they wait until this client subscribes to them, too.

/** A message that waits. */
export interface Waiting<Filter, Taker> {
  readonly topic: string;
  /** Whether somebody has had it, by another filter. */
  given: boolean;
  /** The server has lost it: it does not come again. */
  lost?: boolean;
  /** Those of its filters that nobody has come for. */
  readonly filters: Set<Filter>;
  give(taker: Taker): void;
  /** Nobody else will come: it may be acknowledged. */
  done(): void;
}

/** Who comes for messages. */
interface Claim<Filter> {
  readonly filter: Filter;
}

// Time is counted from the first message of a filter, in looks, as the acknowledgements of all that comes later wait as well
// (5.0 §4.6). Who has one message is likely to have come for others too: a program subscribes to one filter after the other.
const LOOK = 3000; // ms
const PATIENCE = 10; // looks
const PATIENCE_GIVEN = 1;

export class Unclaimed<Filter, Taker extends Claim<Filter>> {
  /** The filters that nobody has come for, with their ages in looks; undefined before their first message. */
  readonly #ages = new Map<Filter, number | undefined>();
  #waiting: Waiting<Filter, Taker>[] = [];
  readonly #missed = new Map<Filter, number>();
  readonly #gaveUp: (filter: Filter, count: number) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param gaveUp is told for how many messages of a filter nobody has come */
  constructor(gaveUp: (filter: Filter, count: number) => void) {
    this.#gaveUp = gaveUp;
  }

  /** A filter that the server knows, and nobody here has subscribed to. */
  add(filter: Filter): void {
    this.#ages.set(filter, undefined);
  }

  /** Whether nobody has come for a filter. */
  has(filter: Filter): boolean {
    return this.#ages.has(filter);
  }

  /** Those of a message's filters that it is to wait for. What nobody was `given`, and waits for none, is missed. */
  open(filters: readonly Filter[], given: boolean): Set<Filter> {
    const known = this.#ages.size > 0 ? filters.filter((filter) => this.#ages.has(filter)) : [];
    for (const filter of known) this.#ages.set(filter, this.#ages.get(filter) ?? 0);
    const open = known.filter((filter) => this.#isOpen(filter, given));
    if (open.length === 0 && !given) this.#miss(known);
    if (known.length > 0) this.#arm();
    return new Set(open);
  }

  keep(message: Waiting<Filter, Taker>): void {
    this.#waiting.push(message);
  }

  /**
   * Somebody has come, for these filters. Hands out what waits for them, once each, in the order of arrival, and what is `wanted`
   * beside it. Returns what is to be acknowledged when that was handled; undefined if nothing has waited.
   */
  claim(takers: readonly Taker[], wanted: (taker: Taker, topic: string) => boolean): readonly Waiting<Filter, Taker>[] | undefined {
    const old = takers.filter(({ filter }) => this.#ages.delete(filter));
    if (this.#waiting.length === 0) return undefined;
    for (const message of this.#waiting) {
      const taker = old.find(({ filter }) => message.filters.has(filter)) ?? takers.find((one) => wanted(one, message.topic));
      for (const { filter } of old) message.filters.delete(filter);
      if (!taker) continue;
      message.given = true;
      message.give(taker);
    }
    return this.#take(({ filters }) => filters.size === 0);
  }

  /** The connection is over: nobody comes until there is another. */
  lost(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** There is a connection again. If the session goes on, what was not acknowledged comes again. */
  connected(sessionPresent: boolean): void {
    if (sessionPresent) this.#take(({ lost }) => !lost);
    for (const message of this.#waiting) message.lost = true;
    if (this.#waiting.length > 0) this.#arm();
  }

  #isOpen(filter: Filter, given: boolean): boolean {
    return this.#ages.get(filter)! < (given ? PATIENCE_GIVEN : PATIENCE);
  }

  #miss(filters: Iterable<Filter>): void {
    for (const filter of filters) this.#missed.set(filter, (this.#missed.get(filter) ?? 0) + 1);
  }

  #take(which: (message: Waiting<Filter, Taker>) => boolean): Waiting<Filter, Taker>[] {
    const taken = this.#waiting.filter(which);
    if (taken.length > 0) this.#waiting = this.#waiting.filter((message) => !which(message));
    return taken;
  }

  #arm(): void {
    this.#timer ??= setTimeout(() => this.#look(), LOOK);
  }

  #look(): void {
    this.#timer = undefined;
    for (const [filter, age] of this.#ages) if (age !== undefined) this.#ages.set(filter, age + 1);
    const late = this.#take(({ filters, given }) => ![...filters].some((filter) => this.#isOpen(filter, given)));
    for (const { given, filters } of late) if (!given) this.#miss(filters);
    for (const [filter, count] of this.#missed) this.#gaveUp(filter, count);
    this.#missed.clear();
    for (const message of late) message.done();
    if (this.#waiting.length > 0) this.#arm();
  }
}
