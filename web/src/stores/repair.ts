import { HEAD_KEY, sealHead } from "./envelope.js";
import type { OpenStore, Store, StoreErrorCode } from "./store.js";
import { nameOf, sumOf, survey, toMqttError, whatIsWrong, type Survey } from "./survey.js";

// As `Kept` in core/session.hpp counts them.
const KINDS = [undefined, "message", "released", "inbound", "subscription", "client"] as const;

/** A record that was damaged. */
export interface DamagedRecord {
  /** What it probably was; undefined if that cannot be told. A message: one that was published; `released`, `inbound`: a step of QoS 2. */
  kind: Exclude<(typeof KINDS)[number], undefined> | undefined;
  /** Its number, probably: of all but the client, the packet identifier. */
  key: number | undefined;
}

/** What repairStore() has found and done. */
export interface RepairReport {
  /** Nothing was in doubt, and nothing was changed. */
  whole: boolean;
  /** How many records are kept. */
  kept: number;
  /** What is gone, as its checksum was wrong. */
  damaged: DamagedRecord[];
  /** How many records are gone because there was a newer one of the same. */
  outdated: number;
  /** How many records have vanished without a trace; undefined if that cannot be told. */
  missing: number | undefined;
  /** How many records are there that should not be, and are kept; undefined if that cannot be told. */
  extra: number | undefined;
}

/**
 * Makes a store usable again that a client has rejected with `STORE_CORRUPT`: keeps each record whose checksum is right, of
 * several of the same the newest. What was lost may be messages that are never sent, or sent a second time.
 *
 * @throws MqttError `STORE_IN_USE`, `STORE_VERSION`, `STORE_FAILED`, `UNSUPPORTED`; `STORE_CORRUPT` if it cannot even be read
 */
export async function repairStore(store: Store): Promise<RepairReport> {
  try {
    const [opened, found, repaired] = await read(store);
    try {
      return await repair(opened, found, repaired);
    } finally {
      await opened.close();
    }
  } catch (error) {
    throw toMqttError(error, "open");
  }
}

/** Opens and reads a store, if need be after its own repair. */
async function read(store: Store): Promise<[OpenStore, Survey, boolean]> {
  for (let repaired = false; ; repaired = true) {
    let opened: OpenStore | undefined;
    try {
      opened = await store.open();
      return [opened, await survey(opened), repaired];
    } catch (error) {
      await opened?.close();
      if (repaired || !store.repair || (error as { code?: StoreErrorCode }).code !== "STORE_CORRUPT") throw error;
    }
    await store.repair();
  }
}

async function repair(opened: OpenStore, found: Survey, repaired: boolean): Promise<RepairReport> {
  const { head, records, damaged } = found;
  const newest = new Map(records.map((record) => [nameOf(record.kind, record.key), record]));
  const kept = [...newest.values()];
  const outdated = records.filter(({ kind, key, sequence }) => newest.get(nameOf(kind, key))!.sequence !== sequence);
  const whole = !whatIsWrong(found);
  if (!whole) {
    const last = records.at(-1)?.sequence ?? HEAD_KEY;
    const fresh = { batch: (head?.batch ?? 0) + 1, next: Math.max(head?.next ?? 0, last + 1), live: kept.length, sum: sumOf(kept) };
    const gone = [...damaged.map(({ storeKey }) => storeKey), ...outdated.map(({ sequence }) => sequence)];
    await opened.write([...gone.map((key) => [key, undefined] as const), [HEAD_KEY, sealHead(fresh)]]);
  }
  const surplus = head && kept.length + damaged.length - head.live;
  return {
    whole: whole && !repaired,
    kept: kept.length,
    damaged: damaged.map(({ kind, key }) => ({ kind: KINDS[kind ?? 0], key: KINDS[kind ?? 0] && key })),
    outdated: outdated.length,
    missing: surplus && Math.max(0, -surplus),
    extra: surplus && Math.max(0, surplus),
  };
}
