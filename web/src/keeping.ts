// What must outlive the client: on its way from the core into a store, and from there to the core of the next client.
import { Kept } from "./engine/abi.js";
import type { Keeper } from "./engine/records.js";
import type { Change, KeptRecord, Ledger } from "./stores/ledger.js";
import { nameOf } from "./stores/survey.js";

/** A store that is open, and what was in it. */
export interface Opened {
  ledger: Ledger;
  records: readonly KeptRecord[];
}

/** Whom it is kept for. */
export interface KeepingOwner {
  /** The bytes of a record that the core has just handed out. */
  read(offset: number, length: number): Uint8Array;
  /** All changes up to this serial are on disk. */
  stored(serial: number): void;
  /** The change with this serial cannot be kept. */
  storeFailed(serial: number): void;
  /** What becomes of the message that is this operation. */
  operation(number: number): KeptOperation;
  report(error: unknown): void;
}

/** The operation of a message, whatever its number stands for later. */
export interface KeptOperation {
  /** How the store knows the message; empty if by no name. */
  id: string;
  /** Whether the store has it already. */
  isKept: boolean;
  /** The message outlives the client from now on. */
  kept(): void;
}

interface Entry extends Change {
  serial: number;
  /** It can fail by itself: a message that is not stored yet, what the server was not asked for, a client that it has not heard of. */
  mayFail?: boolean;
  kept?: (() => void) | undefined;
}

const AGAIN = { first: 1000, most: 30_000 }; // ms until what must be kept is tried again
const PATIENCE = 3000; // ms for a store that does not answer, when the client ends

/**
 * Collects the changes of a turn, and writes them as one group; the next collects meanwhile. What cannot be written fails, if
 * it was to be published or subscribed to. Anything else is tried until it can: until then the server gets no acknowledgement,
 * and what is to be published or subscribed to is tried at once with it, and fails with it.
 */
export class Keeping implements Keeper {
  readonly #ledger: Ledger;
  readonly #owner: KeepingOwner;
  /** The store has a record of this client. */
  knowsClient = false;
  #changes: Entry[] = [];
  #writing: Promise<void> | undefined;
  #pause = 0; // ms; 0: the last group was written
  #resting = false;
  #closing = false;
  #silent = false; // it has not answered in time
  #wake = () => {};

  constructor(ledger: Ledger, owner: KeepingOwner) {
    this.#ledger = ledger;
    this.#owner = owner;
  }

  // ---- what the core tells ----

  persist(serial: number, kind: number, key: number, offset: number, length: number, operation: number): void {
    const record = this.#owner.read(offset, length);
    if (kind === Kept.message) {
      const { id, isKept, kept } = this.#owner.operation(operation);
      this.#changes.push({ serial, kind, key, bytes: joinId(id, record), mayFail: !isKept, kept });
    } else {
      const first = kind === Kept.client && !this.knowsClient; // CONNECT waits for it, and connect() for that
      const kept = first ? () => (this.knowsClient = true) : undefined;
      this.#changes.push({ serial, kind, key, bytes: record.slice(), mayFail: first || kind === Kept.subscription, kept });
    }
  }

  forget(serial: number, kind: number, key: number): void {
    if (kind === Kept.client) this.knowsClient = false;
    this.#changes.push({ serial, kind, key, bytes: undefined });
  }

  flush(): void {
    if (this.#changes.length > 0) this.#writing ??= this.#run();
    if (this.#resting && this.#changes.some(({ mayFail }) => mayFail)) this.#wake(); // somebody waits to hear of it
  }

  // ---- the store ----

  async #run(): Promise<void> {
    while (this.#changes.length > 0) {
      const left = await this.#write(this.#changes.splice(0));
      if (left.length === 0) continue;
      this.#changes.unshift(...left);
      if (this.#closing) break;
      await this.#rest();
    }
    this.#writing = undefined;
  }

  /** Returns what must be tried again. */
  async #write(entries: Entry[]): Promise<Entry[]> {
    let error: unknown;
    try {
      await this.#ledger.write(entries);
      this.#pause = 0;
      this.#done(entries);
      this.#owner.stored(entries.at(-1)!.serial);
      return [];
    } catch (cause) {
      error = cause;
      if (this.#pause === 0) this.#owner.report(error);
    }
    // One by one, so that what can be kept is: first what must be, but together where a message moves, which must not vanish.
    const must = entries.filter(({ mayFail }) => !mayFail);
    const left = must.some(({ kept }) => kept) ? [must] : must.map((entry) => [entry]);
    try {
      for (; left.length > 0 && entries.length > 1; left.shift()) {
        await this.#ledger.write(left[0]!);
        this.#done(left[0]!);
      }
    } catch {} // behind it, nothing
    const forgotten = new Map(entries.flatMap(({ kind, key, bytes }, index) => (bytes ? [] : [[nameOf(kind, key), index]])));
    for (const [index, entry] of entries.entries()) {
      if (!entry.mayFail || forgotten.get(nameOf(entry.kind, entry.key))! > index) continue; // nobody waits for it any more
      try {
        if (left.length > 0 || entries.length === 1) throw error;
        await this.#ledger.write([entry]);
        this.#done([entry]);
      } catch {
        this.#owner.storeFailed(entry.serial);
      }
    }
    if (left.length === 0) this.#owner.stored(entries.at(-1)!.serial);
    return left.flat();
  }

  #done(entries: readonly Entry[]): void {
    for (const { kept } of entries) kept?.();
  }

  #rest(): Promise<void> {
    this.#pause ||= AGAIN.first;
    this.#resting = true;
    return new Promise((resolve) => {
      this.#wake = () => {
        clearTimeout(timer);
        this.#resting = false;
        resolve();
      };
      const timer = setTimeout(() => {
        this.#pause = Math.min(this.#pause * 2, AGAIN.most);
        this.#wake();
      }, this.#pause);
      if (this.#closing || this.#changes.some(({ mayFail }) => mayFail)) this.#wake(); // the latter came while it was tried
    });
  }

  /** At the end of the client: resolves when what was collected is written, has failed, or the store does not answer. */
  written(): Promise<void> {
    this.flush();
    return this.#within(this.#writing);
  }

  /** The same; then whether what was stored is still there, as far as the store answers. */
  async holds(): Promise<boolean> {
    await this.written();
    let isThere = true;
    await this.#within(this.#ledger.isThere().then((found) => void (isThere = found)));
    return isThere;
  }

  /** Writes what can be written, and closes the store. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#wake();
    await this.holds();
    await this.#within(this.#ledger.close());
  }

  /** Waits for the store, but not again where it has not answered. */
  async #within(work: Promise<void> | undefined): Promise<void> {
    if (this.#silent) return void work?.catch(() => {}); // whose problem is known
    await within(work, () => (this.#silent = true));
  }
}

/** Waits for what a store does, but not for ever. */
export async function within(work: Promise<void> | undefined, late: () => unknown = () => {}): Promise<void> {
  let timer: ReturnType<typeof setTimeout>;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      late();
      resolve();
    }, PATIENCE);
  });
  await Promise.race([work, patience]).finally(() => clearTimeout(timer));
}

// A message is kept with the identifier under which it was enqueued: its length in a byte, then as many characters.

function joinId(id: string, record: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(1 + id.length + record.length);
  bytes[0] = id.length;
  for (let at = 0; at < id.length; at++) bytes[1 + at] = id.charCodeAt(at);
  bytes.set(record, 1 + id.length);
  return bytes;
}

/** The identifier of a message that was kept, and what the core has written of it. */
export function splitId(bytes: Uint8Array): { id: string; record: Uint8Array } {
  const length = bytes[0] ?? 0;
  return { id: String.fromCharCode(...bytes.subarray(1, 1 + length)), record: bytes.subarray(1 + length) };
}
