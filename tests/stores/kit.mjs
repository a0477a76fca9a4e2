// What the tests of the ledger share.
import { source } from "../web/source.mjs";

export const parts = await source("stores/ledger.ts", "stores/crc.ts", "stores/envelope.ts", "stores/memory.ts", "stores/repair.ts");
const { Ledger } = parts;

export const MESSAGE = 1, RELEASED = 2, INBOUND = 3, CLIENT = 5;

export const keep = (kind, key, text = "") => ({ kind, key, bytes: Buffer.from(text) });
export const forget = (kind, key) => ({ kind, key, bytes: undefined });

/** Records as text: what is compared and shown. */
export const shown = (records) => records.map(({ kind, key, bytes }) => `${kind} ${key} ${Buffer.from(bytes)}`);

/** What a store keeps, as text. */
export async function kept(store) {
  const { ledger, records } = await Ledger.open(store);
  await ledger.close();
  return shown(records);
}

/** Writes these groups of changes to a store, one after the other. */
export async function write(store, ...groups) {
  const { ledger } = await Ledger.open(store);
  for (const group of groups) await ledger.write(group);
  await ledger.close();
}

/** The content of a store, as it lies there: key to value. */
export async function raw(store) {
  const opened = await store.open();
  const entries = new Map();
  for await (const [key, value] of opened.read()) entries.set(key, Uint8Array.from(value));
  await opened.close();
  return entries;
}

/** A store of this content; values are copied. */
export async function storeOf(entries) {
  const store = parts.memoryStore();
  const opened = await store.open();
  await opened.write([...entries].map(([key, value]) => [key, Uint8Array.from(value)]));
  await opened.close();
  return store;
}

/**
 * A store whose writes may fail: `store.next` says how. "before": with nothing written, "after": with all written; a promise is
 * waited for. `store.batches` holds what was written.
 */
export function faulty(inner = parts.memoryStore()) {
  const store = {
    next: [],
    batches: [],
    async open() {
      const opened = await inner.open();
      return {
        read: () => opened.read(),
        close: () => opened.close(),
        async write(changes) {
          const how = await store.next.shift();
          if (how !== "before") {
            store.batches.push(changes);
            await opened.write(changes);
          }
          if (how === "before" || how === "after") throw new Error(`failed ${how}`);
        },
      };
    },
  };
  return store;
}
