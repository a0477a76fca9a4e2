import { MqttError, type Phase } from "../errors.js";
import { HEAD_KEY, unseal, unsealHead, type Envelope, type Head } from "./envelope.js";
import { storeError, type OpenStore, type StoreErrorCode } from "./store.js";

/** A record of which the checksum is wrong. Its kind and key are what it says itself, if anything can be read of it. */
export interface Damaged {
  storeKey: number;
  kind: number | undefined;
  key: number | undefined;
}

/** What was found in a store. */
export interface Survey {
  /** Undefined if there is none, or it is damaged. */
  head: Head | undefined;
  headDamaged: boolean;
  /** In the order in which they were written. */
  records: Envelope[];
  damaged: Damaged[];
}

/** A number for kind and key. Of records that have it in common, the later takes the place of the earlier. */
export const nameOf = (kind: number, key: number) => kind * 2 ** 32 + key;

/** The head alone, which comes first. */
export async function readHead(store: OpenStore): Promise<Head | undefined> {
  for await (const [key, value] of store.read()) return key === HEAD_KEY ? unsealHead(value) : undefined;
  return undefined;
}

export async function survey(store: OpenStore): Promise<Survey> {
  const found: Survey = { head: undefined, headDamaged: false, records: [], damaged: [] };
  for await (const [storeKey, value] of store.read()) {
    if (storeKey === HEAD_KEY) {
      found.head = unsealHead(value);
      found.headDamaged = !found.head;
      continue;
    }
    const envelope = unseal(storeKey, value);
    if (envelope?.sound) found.records.push(envelope);
    else found.damaged.push({ storeKey, kind: envelope?.kind, key: envelope?.key });
  }
  return found;
}

export function sumOf(records: readonly Envelope[]): number {
  return records.reduce((sum, { crc }) => sum + crc, 0) % 2 ** 32;
}

/** What shows that a store is not as it was last written, if anything does. */
export function whatIsWrong({ head, headDamaged, records, damaged }: Survey): string | undefined {
  if (damaged.length > 0) return `${damaged.length} of its records are damaged`;
  if (headDamaged) return "its head is damaged";
  if (!head) return records.length > 0 ? "its head is missing" : undefined;
  if (records.length !== head.live) return `it has ${records.length} records, not ${head.live}`;
  const names = new Set(records.map(({ kind, key }) => nameOf(kind, key)));
  const last = records.at(-1)?.sequence ?? HEAD_KEY;
  if (sumOf(records) !== head.sum || names.size < records.length || last >= head.next) return "its records are not those last written";
  return undefined;
}

const CODES = /^(STORE_(IN_USE|VERSION|FAILED|CORRUPT)|UNSUPPORTED)$/;

/** What a store has rejected with, as a client rejects. */
export function toMqttError(error: unknown, phase: Phase): MqttError {
  if (error instanceof MqttError) return error;
  const { code, message, cause } = (error ?? {}) as Partial<Error & { code: StoreErrorCode }>;
  if (code && CODES.test(code)) return new MqttError(code, phase, { detail: message, cause });
  return new MqttError("STORE_FAILED", phase, { detail: message ?? String(error), cause: error });
}

export const corrupt = (message: string) => storeError("STORE_CORRUPT", message);
