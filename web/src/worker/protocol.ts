// What a page and its Worker say to each other beside parcels: rare things, as plain objects.
import type { CloseOptions, ServerInfo, StateChange } from "../connection.js";
import type { WasmSource } from "../engine/loader.js";
import { MqttError } from "../errors.js";
import type { SubscribeProperties } from "../generated/properties.js";
import type { Fate } from "../operations.js";
import type { Packet } from "../packets.js";
import type { Authentication, Credentials, LogRecord, Settings } from "../options.js";
import type { StoreDescription } from "../stores/store.js";

/** Both sides must be of one version: a SharedWorker may be older than a page that joins. */
export const PROTOCOL = 1;

/** Begins a client; comes with a port, over which all else goes. */
export interface Greeting {
  tarta: typeof PROTOCOL;
  setup: Setup;
  locks: LockNames;
}

/** Web Locks: what the Worker holds as long as it lives, and the page as long as it has the client. */
export interface LockNames {
  worker: string;
  page: string;
}

/** The answer to a greeting. */
export type Welcome = { ready: true } | { refused: unknown };

/** What a Worker needs to know of a client. Functions stay on the page: see Question. */
export interface Setup {
  settings: Omit<Settings, "urls">;
  credentials: Credentials | "ask" | undefined;
  authentication: (Omit<Authentication, "next"> & { next: boolean }) | undefined;
  log: boolean;
  store: StoreDescription | undefined;
  /** For the text of `tarta/slim`; the script `tarta/worker` has the module inside. */
  wasm: Exclude<WasmSource, Response | Promise<Response>> | undefined;
  /** What clients that share a connection must have in common. */
  signature: string;
}

/** What a page alone can answer. */
export interface Question {
  url: number;
  credentials: undefined;
  next: Uint8Array | undefined;
}

/** One filter of a subscription. `number` names it in MATCH records. */
export interface RemoteWish {
  filter: string;
  options: number;
  number: number;
}

/** From the page. */
export interface Orders {
  start: null;
  stop: { options: CloseOptions | undefined };
  reauthenticate: { operation: number };
  /** Is answered when it is known what became of the messages that were in the store. */
  restored: { operation: number };
  /** `id` names it from then on. */
  subscribe: { operation: number; id: number; wishes: RemoteWish[]; manual: boolean; properties: SubscribeProperties | undefined };
  route: { id: number; wishes: RemoteWish[] };
  unsubscribe: { operation: number; id: number };
  /** A message for the store; the rest as publish() takes it. */
  enqueue: { operation: number; id: string; topic: string; payload: Uint8Array; flags: number; properties: Uint8Array; expiry: number };
  /** All messages are wanted, whatever they match. */
  everything: null;
  /** All packets are wanted. */
  packets: null;
  answer: { id: number; value?: unknown; error?: unknown };
  /** The page goes. Web Locks tell that, too, but not everywhere. */
  leave: null;
  /** Time may have passed unseen. */
  wake: null;
}

/** From the Worker. */
export interface Reports {
  state: { change: Omit<StateChange, "reason">; reason: unknown; server: ServerInfo | undefined; clientId: string };
  /** `isThere`: whether what was stored is still in the store. */
  ended: { error: unknown; isThere: boolean };
  report: { error: unknown };
  log: { record: LogRecord; reason: unknown };
  question: { id: number; what: keyof Question; argument: unknown };
  failed: { operation: number; error: unknown };
  packet: Packet;
  settled: Omit<Fate, "error"> & { error: unknown };
  /** The server has refused a subscription that it had lost. */
  refused: { id: number; error: unknown };
  /** With what the core has refused to say. */
  stopped: { error: unknown; isThere: boolean };
}

/** One of them, as it is posted. */
export type Posted<Kinds> = { [Name in keyof Kinds]: { name: Name; body: Kinds[Name] } }[keyof Kinds];

// Structured cloning makes plain errors of classes.
interface ClonedError {
  mqtt: Pick<MqttError, "code" | "phase" | "message" | "reasonCode" | "reasonString" | "serverReference" | "closeCode" | "stored" | "retriable">;
  cause: unknown;
}

function cloneable(value: unknown): unknown {
  if (value instanceof MqttError) return toClone(value);
  try {
    return structuredClone(value);
  } catch {
    return String(value);
  }
}

/** An error, or anything else that was thrown, as it can be posted. */
export function toClone(error: unknown): unknown {
  if (!(error instanceof MqttError)) return cloneable(error);
  const { code, phase, message, reasonCode, reasonString, serverReference, closeCode, stored, retriable, cause } = error;
  return { mqtt: { code, phase, message, reasonCode, reasonString, serverReference, closeCode, stored, retriable }, cause: cloneable(cause) } satisfies ClonedError;
}

export function fromClone(cloned: unknown): unknown {
  const { mqtt, cause } = (cloned ?? {}) as Partial<ClonedError>;
  if (!mqtt) return cloned;
  return Object.assign(new MqttError(mqtt.code, mqtt.phase, { cause: fromClone(cause) }), mqtt);
}
