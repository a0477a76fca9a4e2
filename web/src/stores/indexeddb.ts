import { openDB, type IDBPDatabase } from "idb";
import { closedError, storeError, type OpenStore, type Store, type StoreChange } from "./store.js";

const VERSION = 1; // of the database's structure
const RECORDS = "records";
const OWNER = "owner"; // a key, beside the numbers
const PATIENCE = 10_000; // ms for the database to open
const LOCK_PATIENCE = 1000; // ms for a page that is being left to let go
const CHUNK = 64; // records that are read at once

/**
 * A store in the browser's database of this name, in pages and Workers. What is written is on disk before anything relies on
 * it (durability "strict").
 *
 * One tab has it at a time: another gets `STORE_IN_USE`, after a second, as a tab that is left or reloaded takes a moment to
 * let go. Where there are no Web Locks (pages that browsers do not call secure) the newest tab gets it, and the other gets
 * `STORE_IN_USE` with its next write. No space left is `STORE_FAILED`, with the browser's `QuotaExceededError` as `cause`;
 * so is a database that is deleted meanwhile, which this does not hinder.
 *
 * @throws TypeError if the name is no string, or empty
 */
export function indexedDBStore(name: string): Store {
  if (typeof name !== "string" || name === "") throw new TypeError("the name of a store must be a string, and not empty");
  return { description: { indexedDB: name }, open: () => openDatabase(name) };
}

async function openDatabase(name: string): Promise<OpenStore> {
  if (!globalThis.indexedDB) throw storeError("UNSUPPORTED", "there is no IndexedDB");
  const unlock = await lock(`tarta:store:${name}`);
  try {
    return await Database.open(name, unlock);
  } catch (cause) {
    unlock?.();
    throw toStoreError(cause);
  }
}

/** Resolves with what gives the lock back; undefined where there are no locks. */
function lock(name: string): Promise<(() => void) | undefined> {
  return new Promise((resolve, reject) => {
    const manager = (globalThis.navigator as Partial<Navigator> | undefined)?.locks;
    if (!manager) return resolve(undefined);
    const held = () => new Promise<void>((release) => resolve(release));
    manager.request(name, { signal: AbortSignal.timeout(LOCK_PATIENCE) }, held).catch((cause: DOMException) => {
      reject(cause.name === "SecurityError" ? toStoreError(cause) : storeError("STORE_IN_USE", "another tab has this database"));
    });
  });
}

function toStoreError(cause: unknown): Error {
  const { name, message, code } = cause as DOMException;
  switch (name) {
    case "QuotaExceededError":
      return storeError("STORE_FAILED", "there is no space left", cause);
    case "VersionError":
      return storeError("STORE_VERSION", "the database has a newer version", cause);
    case "NotFoundError":
      return storeError("STORE_CORRUPT", "the database is not one of tarta's", cause);
    case "SecurityError":
      return storeError("UNSUPPORTED", "this page may not keep anything", cause);
  }
  return typeof code === "string" ? (cause as Error) : storeError("STORE_FAILED", message, cause);
}

class Database implements OpenStore {
  readonly #database: IDBPDatabase;
  readonly #unlock: (() => void) | undefined;
  /** Without a lock: what the database names as its owner, as long as that is us. */
  readonly #token: string | undefined;
  #problem: Error | undefined;

  static async open(name: string, unlock: (() => void) | undefined): Promise<Database> {
    let lost: (problem: string) => void = () => {};
    const opening = openDB(name, VERSION, {
      upgrade: (database) => void database.createObjectStore(RECORDS),
      blocking: () => lost("the database is being deleted or changed by another page"),
      terminated: () => lost("the browser has closed the database"),
    });
    // While another page hinders the deletion of the database, it neither opens nor says why not.
    let timer: ReturnType<typeof setTimeout>;
    const tooLate = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(storeError("STORE_FAILED", "the database does not open; is another page keeping it from being deleted?"));
        opening.then((database) => database.close()).catch(() => {});
      }, PATIENCE);
    });
    const database = await Promise.race([opening, tooLate]).finally(() => clearTimeout(timer));
    const token = unlock ? undefined : `${Date.now()} ${Math.random()}`;
    const opened = new Database(database, unlock, token);
    // Closed, it is not in the way of others.
    lost = (problem) => opened.#end(storeError("STORE_FAILED", problem));
    try {
      if (token) await database.put(RECORDS, token, OWNER);
      else database.transaction(RECORDS); // throws if it is not there
      return opened;
    } catch (error) {
      database.close();
      throw error;
    }
  }

  private constructor(database: IDBPDatabase, unlock: (() => void) | undefined, token: string | undefined) {
    this.#database = database;
    this.#unlock = unlock;
    this.#token = token;
  }

  async *read(): AsyncGenerator<[number, Uint8Array]> {
    // The first alone: that may be all that is wanted.
    for (let from = -1, count = 1; ; count = CHUNK) {
      const range = IDBKeyRange.bound(from, Infinity, true); // without the owner
      let keys: number[], values: Uint8Array[];
      try {
        if (this.#problem) throw this.#problem;
        const { store } = this.#database.transaction(RECORDS);
        [keys, values] = (await Promise.all([store.getAllKeys(range, count), store.getAll(range, count)])) as [number[], Uint8Array[]];
      } catch (cause) {
        throw this.#problem ?? storeError("STORE_CORRUPT", `the database cannot be read: ${(cause as Error).message}`, cause);
      }
      for (const [index, key] of keys.entries()) yield [key, values[index]!];
      if (keys.length < count) return;
      from = keys.at(-1)!;
    }
  }

  async write(changes: readonly StoreChange[]): Promise<void> {
    try {
      if (this.#problem) throw this.#problem;
      const transaction = this.#database.transaction(RECORDS, "readwrite", { durability: "strict" });
      const { store, done } = transaction;
      const results: Promise<unknown>[] = [done];
      try {
        if (this.#token) results.push(store.get(OWNER).then((owner) => owner === this.#token || this.#takenOver(transaction)));
        for (const [key, value] of changes) results.push(value ? store.put(alone(value), key) : store.delete(key));
      } catch (error) {
        transaction.abort();
        await Promise.allSettled(results);
        throw error;
      }
      await Promise.all(results);
    } catch (cause) {
      throw this.#problem ?? toStoreError(cause);
    }
  }

  async close(): Promise<void> {
    this.#end(closedError());
    this.#unlock?.();
  }

  #takenOver(transaction: { abort(): void }): void {
    this.#end(storeError("STORE_IN_USE", "another tab has taken this database"));
    transaction.abort();
  }

  #end(problem: Error): void {
    this.#problem ??= problem;
    this.#database.close();
  }
}

/** Bytes that fill their buffer: a browser keeps the whole buffer of a view. */
const alone = (value: Uint8Array) => (value.length === value.buffer.byteLength ? value : value.slice());
