import { readdirSync } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { ClassicLevel } from "classic-level";
import * as logs from "./logs.js";
import { closedError, storeError, type OpenStore, type Store, type StoreChange } from "./store.js";
import * as tables from "./tables.js";

type Level = ClassicLevel<Uint8Array, Uint8Array>;

const OPTIONS = { keyEncoding: "view", valueEncoding: "view", compression: false } as const; // tables.ts reads what is plain
const KEY_BYTES = 8;
const TABLES = /\.(ldb|sst)$/;
const LOGS = /\.log$/;
const CURRENT = "CURRENT"; // the file that names the list of the others
const FIRST_LIST = "MANIFEST-000001\n"; // what it says while LevelDB makes a new store

/**
 * A store in a folder, for Node: a LevelDB, through the package `classic-level`, which is to be installed beside `tarta`. The
 * folder is made if need be. What is written is on disk before anything relies on it (fsync).
 *
 * One process has it at a time: another gets `STORE_IN_USE`; a process that has died, however it did, is not in the way. A
 * full disk and other errors of input and output are `STORE_FAILED`, with that of the system in the message. open() reads all
 * files through; where bytes of them have changed it rejects with `STORE_CORRUPT`.
 *
 * @throws TypeError if the folder is no string, or empty
 */
export function fileStore(folder: string): Store {
  if (typeof folder !== "string" || folder === "") throw new TypeError("the folder of a store must be a string, and not empty");
  return {
    async open() {
      const files = await filesOf(folder);
      for await (const { file } of damagedFiles(folder, files)) throw storeError("STORE_CORRUPT", `${file} is damaged`);
      if (!files.includes(CURRENT)) await makeFolder(folder);
      else if (await isUnfinished(folder, files)) await repair(folder);
      // Files without what names them are a store that has lost it, not a new one.
      return new Folder(folder, await openLevel(folder, !files.some((file) => TABLES.test(file) || LOGS.test(file))));
    },
    repair: () => repair(folder),
  };
}

async function load(): Promise<typeof import("classic-level")> {
  try {
    return await import("classic-level");
  } catch (cause) {
    throw storeError("UNSUPPORTED", "fileStore needs the package classic-level: npm install classic-level", cause);
  }
}

async function filesOf(folder: string): Promise<string[]> {
  return readdir(folder).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return [];
    throw storeError("STORE_FAILED", cause.message, cause);
  });
}

async function* damagedFiles(folder: string, files: readonly string[]): AsyncGenerator<{ file: string; bytes: Uint8Array; mend: typeof tables.mend }> {
  for (const [kind, { isDamaged, mend }] of [[TABLES, tables], [LOGS, logs]] as const) {
    for (const file of files.filter((name) => kind.test(name))) {
      // What cannot be read LevelDB will complain of, if it needs it.
      const bytes = await readFile(join(folder, file)).catch(() => undefined);
      if (bytes && isDamaged(bytes)) yield { file, bytes, mend };
    }
  }
}

// A file is on disk when it was synced; its name, when the folder was.

/** Makes the folder, and those above it, so that they outlast a loss of power. */
async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    // All: one that was found may be of a process that has ended before it came to this.
    for (let path = resolve(folder), parent; (parent = dirname(path)) !== path; path = parent) await syncFolder(parent);
  } catch (cause) {
    throw toStoreError(cause);
  }
}

const UNSYNCABLE = /^(EACCES|EPERM|EISDIR|EINVAL|ENOTSUP)$/; // folders of others, on Windows, of some file systems

async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder);
    await handle.sync().finally(() => handle.close());
  } catch (error) {
    if (!UNSYNCABLE.test((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
}

/**
 * Whether the power has failed while LevelDB was making the store: it does not sync its first list of files, and never writes
 * to a log before the second.
 */
async function isUnfinished(folder: string, files: readonly string[]): Promise<boolean> {
  if (files.some((file) => TABLES.test(file))) return false;
  const read = (file: string) => readFile(join(folder, file)).catch(() => undefined);
  for (const log of files.filter((file) => LOGS.test(file))) if ((await read(log))?.length !== 0) return false;
  return (await read(CURRENT))?.toString() === FIRST_LIST;
}

/** Keeps what is sound of each file, and has LevelDB find out again what there is. */
async function repair(folder: string): Promise<void> {
  const { ClassicLevel } = await load();
  await checkUnused(folder);
  try {
    for await (const { file, bytes, mend } of damagedFiles(folder, await filesOf(folder))) {
      const lost = join(folder, "lost"); // where LevelDB, too, moves what it gives up
      await mkdir(lost, { recursive: true });
      await writeFile(join(lost, file), bytes);
      const path = join(folder, file);
      if (mend(bytes)) {
        await writeFile(`${path}.new`, bytes, { flush: true });
        await rename(`${path}.new`, path);
      } else {
        await rm(path);
      }
    }
    await ClassicLevel.repair(folder);
    // That has compressed what it wrote.
    const level = new ClassicLevel<Uint8Array, Uint8Array>(folder, OPTIONS);
    await level.compactRange(toKey(0), toKey(Number.MAX_SAFE_INTEGER)).finally(() => level.close());
  } catch (cause) {
    throw toStoreError(cause);
  }
}

/** LevelDB repairs what others have open. @throws StoreErrorCode `STORE_IN_USE` */
async function checkUnused(folder: string): Promise<void> {
  const { ClassicLevel } = await load();
  try {
    // Fails in any case, and leaves all as it is: first it looks whether anybody has it, then whether it exists.
    await new ClassicLevel(folder, { createIfMissing: false, errorIfExists: true }).open();
  } catch (cause) {
    const error = toStoreError(cause);
    if (error.code === "STORE_IN_USE") throw error;
  }
}

async function openLevel(folder: string, createIfMissing: boolean): Promise<Level> {
  const { ClassicLevel } = await load();
  const level = new ClassicLevel<Uint8Array, Uint8Array>(folder, { ...OPTIONS, createIfMissing });
  try {
    await level.open();
    await syncFolder(folder); // LevelDB does not where it renames CURRENT
    return level;
  } catch (cause) {
    await level.close().catch(() => {});
    // LevelDB tells by its words alone that a file of its own is missing.
    throw toStoreError(cause, createIfMissing ? undefined : /No such file|create_if_missing is false/);
  }
}

/** `damage`: the texts of errors that show that the files are not whole. */
function toStoreError(thrown: unknown, damage?: RegExp): ReturnType<typeof storeError> {
  const { code, message, cause } = thrown as NodeJS.ErrnoException;
  const { code: reason = code, message: text = message } = (cause ?? {}) as NodeJS.ErrnoException;
  if (reason === "LEVEL_LOCKED") return storeError("STORE_IN_USE", "another client or process has this folder", thrown);
  return storeError(reason === "LEVEL_CORRUPTION" || damage?.test(text) ? "STORE_CORRUPT" : "STORE_FAILED", text, thrown);
}

function toKey(key: number): Uint8Array {
  const bytes = Buffer.alloc(KEY_BYTES);
  bytes.writeBigUInt64BE(BigInt(key));
  return bytes;
}

/** At once: that takes some µs, while by way of the thread pool it would make each write a third longer. */
const logsOf = (folder: string) => readdirSync(folder).filter((file) => LOGS.test(file)).join();

class Folder implements OpenStore {
  readonly #folder: string;
  #level: Level;
  /** Those whose names are on disk. */
  #logs: string;
  /** After a failure LevelDB may go on where it left off in the midst of a file, and lose what follows. */
  #suspect = false;
  #closed = false;

  constructor(folder: string, level: Level) {
    this.#folder = folder;
    this.#level = level;
    this.#logs = logsOf(folder);
  }

  async *read(): AsyncGenerator<[number, Uint8Array]> {
    await this.#check();
    try {
      for await (const [key, value] of this.#level.iterator()) {
        // A key of another length is none of ours, or was damaged: then a record is missing.
        if (key.length === KEY_BYTES) yield [Number(Buffer.from(key).readBigUInt64BE()), value];
      }
    } catch (cause) {
      throw toStoreError(cause, /^IO error/);
    }
  }

  async write(changes: readonly StoreChange[]): Promise<void> {
    await this.#check();
    const batch = changes.map(([key, value]) => (value ? ({ type: "put", key: toKey(key), value } as const) : ({ type: "del", key: toKey(key) } as const)));
    try {
      await this.#level.batch(batch, { sync: true });
      await this.#syncLogs();
    } catch (cause) {
      this.#suspect = true;
      throw toStoreError(cause);
    }
  }

  /** LevelDB begins another log every few MiB, and syncs what it writes there, but not its name. */
  async #syncLogs(): Promise<void> {
    const logs = logsOf(this.#folder);
    if (logs === this.#logs) return;
    await syncFolder(this.#folder);
    this.#logs = logs;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#level.close();
  }

  async #check(): Promise<void> {
    if (this.#closed) throw closedError();
    if (!this.#suspect) return;
    await this.#level.close();
    this.#level = await openLevel(this.#folder, false);
    this.#logs = logsOf(this.#folder);
    this.#suspect = false;
  }
}
