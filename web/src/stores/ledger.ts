// Between the records that the core asks to keep, and a store of any kind.
//
// Each record is written once, under a sequence number of its own: what is read in the order of the keys comes in the order
// of writing. Each batch ends with a head that counts the records and sums up their checksums. So what has vanished, was
// doubled, swapped or brought back is seen when the store is opened; a store's own checks were seen not to do that. What
// cannot be seen is that the last batches are missing as a whole: that is a store as it was a little earlier.
import { HEAD_KEY, seal, sealHead, type Head, type Sealed } from "./envelope.js";
import { closedError, type OpenStore, type Store, type StoreChange } from "./store.js";
import { corrupt, nameOf, readHead, survey, toMqttError, whatIsWrong } from "./survey.js";

/** Keep these bytes under (kind, key) from now on; without bytes, forget what is kept there. */
export interface Change {
  kind: number;
  key: number;
  bytes: Uint8Array | undefined;
}

/** What is kept. */
export interface KeptRecord {
  kind: number;
  key: number;
  bytes: Uint8Array;
}

/** Where a record lies, and its checksum. */
type Mark = Omit<Sealed, "value">;

/** What is to be kept or forgotten, by name. */
type Group = Map<number, Sealed | undefined>;

interface Batch {
  group: Group;
  head: Head;
}

interface Call {
  group: Group;
  resolve(): void;
  reject(error: unknown): void;
}

export class Ledger {
  readonly #store: OpenStore;
  readonly #live: Map<number, Mark>;
  #head: Head;
  #next: number;
  #waiting: Call[] = [];
  #looking: ((isThere: boolean) => void)[] = [];
  #writing: Promise<void> | undefined;
  /** A batch that was rejected, as long as it is not known whether it was written. */
  #doubtful: Batch | undefined;
  /** What is kept though its call was rejected: the next batch takes it back. */
  readonly #unclaimed = new Set<number>();
  #closing: Promise<void> | undefined;

  private constructor(store: OpenStore, live: Map<number, Mark>, head: Head) {
    this.#store = store;
    this.#live = live;
    this.#head = head;
    this.#next = head.next;
  }

  /**
   * Opens a store, and reads what is kept in it, in the order of writing. When this rejects, the store is closed.
   *
   * @throws MqttError `STORE_IN_USE`, `STORE_VERSION`, `STORE_FAILED`, `UNSUPPORTED`; `STORE_CORRUPT` if anything is not as it
   *   was last written
   */
  static async open(store: Store): Promise<{ ledger: Ledger; records: KeptRecord[] }> {
    let opened: OpenStore | undefined;
    try {
      opened = await store.open();
      const found = await survey(opened);
      const wrong = whatIsWrong(found);
      if (wrong) throw corrupt(wrong);
      const { records, head = { batch: 0, next: HEAD_KEY + 1, live: 0, sum: 0 } } = found;
      const live = new Map(records.map(({ kind, key, sequence, crc }) => [nameOf(kind, key), { sequence, crc }]));
      return { ledger: new Ledger(opened, live, head), records };
    } catch (error) {
      await (async () => opened?.close())().catch(() => {}); // which may throw at once
      throw toMqttError(error, "open");
    }
  }

  /**
   * Makes all the changes, or none; resolves when they are on disk. The bytes are copied during the call. One batch is under
   * way at a time; what is written meanwhile goes together in the next. Each call has its own fate: if a joined batch is
   * rejected, its calls are tried one by one. They settle in the order of the calls.
   *
   * After a rejection the ledger goes on: the same can be written again, or less. What a rejected call was to keep is not
   * kept, unless the process dies before the next batch or close(); what it was to forget may be forgotten.
   *
   * @throws MqttError `STORE_FAILED`, or what else the store rejects with
   */
  write(changes: Iterable<Change>): Promise<void> {
    if (this.#closing) return Promise.reject(toMqttError(closedError(), "session"));
    const group: Group = new Map();
    for (const { kind, key, bytes } of changes) {
      group.set(nameOf(kind, key), bytes && seal(kind, key, this.#next++, bytes));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ group, resolve, reject });
      this.#writing ??= this.#run();
    });
  }

  /** Whether what was written until now is there: a database may have been deleted meanwhile. */
  isThere(): Promise<boolean> {
    return new Promise((resolve) => {
      this.#looking.push(resolve);
      this.#writing ??= this.#run();
    });
  }

  /** Closes the store when all that was to be written is. May be called more than once. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    await this.#writing;
    await this.#commit(new Map()).catch(() => {}); // takes back what was rejected
    try {
      await this.#store.close();
    } catch (error) {
      throw toMqttError(error, "close");
    }
  }

  async #run(): Promise<void> {
    while (this.#waiting.length + this.#looking.length > 0) {
      const calls = this.#waiting;
      if (calls.length === 0) {
        const isThere = await this.#look();
        for (const told of this.#looking.splice(0)) told(isThere);
        continue;
      }
      this.#waiting = [];
      try {
        await this.#commit(calls.length === 1 ? calls[0]!.group : new Map(calls.flatMap(({ group }) => [...group])));
        for (const { resolve } of calls) resolve();
      } catch (error) {
        if (calls.length === 1) calls[0]!.reject(error);
        else for (const { group, resolve, reject } of calls) await this.#commit(group).then(resolve, reject);
      }
    }
    this.#writing = undefined;
  }

  async #commit(wanted: Group): Promise<void> {
    try {
      if (this.#doubtful) await this.#settle(this.#doubtful);
      const group = this.#unclaimed.size > 0 ? new Map([...[...this.#unclaimed].map((name) => [name, undefined] as const), ...wanted]) : wanted;
      const changes: StoreChange[] = [];
      let { batch, live, sum } = this.#head;
      for (const [name, sealed] of group) {
        const old = this.#live.get(name);
        if (old) {
          changes.push([old.sequence, undefined]);
          live--;
          sum -= old.crc;
        }
        if (sealed) {
          changes.push([sealed.sequence, sealed.value]);
          live++;
          sum += sealed.crc;
        }
      }
      if (changes.length === 0) return;
      const head = { batch: batch + 1, next: this.#next, live, sum: sum >>> 0 };
      this.#doubtful = { group, head };
      changes.push([HEAD_KEY, sealHead(head)]);
      await this.#store.write(changes);
      this.#adopt(this.#doubtful);
    } catch (error) {
      throw toMqttError(error, "session");
    }
  }

  async #look(): Promise<boolean> {
    try {
      return ((await readHead(this.#store))?.batch ?? 0) === this.#head.batch;
    } catch {
      return false;
    }
  }

  /** A batch was written. */
  #adopt({ group, head }: Batch): void {
    this.#doubtful = undefined;
    this.#unclaimed.clear();
    this.#head = head;
    for (const [name, sealed] of group) {
      if (sealed) this.#live.set(name, { sequence: sealed.sequence, crc: sealed.crc });
      else this.#live.delete(name);
    }
  }

  /** Finds out whether a batch that was rejected was written after all. */
  async #settle(doubtful: Batch): Promise<void> {
    const batch = (await readHead(this.#store))?.batch ?? 0;
    if (batch === doubtful.head.batch) {
      this.#adopt(doubtful);
      for (const [name, sealed] of doubtful.group) if (sealed) this.#unclaimed.add(name);
    } else if (batch !== this.#head.batch) {
      throw corrupt("its head is not the last that was written");
    }
    this.#doubtful = undefined;
  }
}
