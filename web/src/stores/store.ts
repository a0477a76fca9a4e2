/** One change of a batch: the value that a key has from then on, or undefined if it is to have none. */
export type StoreChange = readonly [key: number, value: Uint8Array<ArrayBuffer> | undefined];

/**
 * Where a client keeps what must outlive it: `indexedDBStore()`, `fileStore()`, `memoryStore()`, or one of your own.
 *
 * A store is an ordered map from keys (integers from 0 to 2^53 - 1) to bytes. It rejects with an error whose `code` is one of
 * `StoreErrorCode`; any other error counts as `STORE_FAILED`. The client makes an `MqttError` of it.
 */
export interface Store {
  /** Opens it, for one at a time: `STORE_IN_USE` while anybody else has it. Never hangs. */
  open(): Promise<OpenStore>;
  /** Makes readable again what can be, after open() or read() has rejected with `STORE_CORRUPT`. */
  repair?(): Promise<void>;
  /** What makes the same store in a Worker. @internal */
  readonly description?: StoreDescription;
}

/** A store that somebody has to himself. One call at a time: the next comes after the promise of the last has settled. */
export interface OpenStore {
  /** All that is in it, in the order of the keys. Whoever reads may stop after any entry. */
  read(): AsyncIterable<readonly [key: number, value: Uint8Array]>;
  /**
   * Makes all changes, in this order, or none. When it resolves they are on disk, as far as the platform can tell; after it
   * has rejected, the next read() tells whether they were made. The values are not changed any more by anybody.
   */
  write(changes: readonly StoreChange[]): Promise<void>;
  /** Lets go of it, so that the next may open it. May be called more than once. */
  close(): Promise<void>;
}

/** Why a store rejects. `UNSUPPORTED`: this platform cannot have it. */
export type StoreErrorCode = "STORE_IN_USE" | "STORE_VERSION" | "STORE_FAILED" | "STORE_CORRUPT" | "UNSUPPORTED";

/** A store that a Worker can open by itself. */
export interface StoreDescription {
  /** The name of a database. */
  indexedDB: string;
}

/** What a store rejects with. */
export function storeError(code: StoreErrorCode, message: string, cause?: unknown): Error & { code: StoreErrorCode } {
  return Object.assign(new Error(message, { cause }), { code });
}

/** What every store says after close(). */
export const closedError = () => storeError("STORE_FAILED", "it was closed");
