// What a client stands on: a session with a server, in this thread (session.ts) or in a Worker (worker/).
import type { CloseOptions, ServerInfo, State, StateChange } from "./connection.js";
import type { MqttError } from "./errors.js";
import type { Message } from "./message.js";
import type { Packet } from "./packets.js";
import type { Enqueued, Fate, PublishResult } from "./operations.js";
import type { Handler, SubscribeOptions, Subscription, Wish } from "./subscription.js";

/** Where the session of a client lives. */
export type WorkerForm =
  /** On the page, as it was asked to. */
  | false
  /** On the page, though a Worker was asked for: none could be started. */
  | "page"
  /** A Worker from the file beside that of the client. */
  | "sibling"
  /** A Worker from a text that the client has made. */
  | "blob"
  /** A Worker of the application's. */
  | "given"
  /** A SharedWorker. */
  | "shared";

/** Counters of a session. */
export interface SessionStats {
  bytesReceived: number;
  bytesSent: number;
  /** WebSockets that were opened. */
  connections: number;
  /** Messages that wait or are unacknowledged, and their bytes. */
  pending: number;
  pendingBytes: number;
}

export interface Backend {
  readonly worker: WorkerForm;
  readonly state: State;
  readonly server: ServerInfo | undefined;
  readonly clientId: string;
  readonly stats: SessionStats;
  /** Messages that were taken from the application, … */
  readonly published: number;
  /** … that have arrived, and that were dropped as what takes them was too slow. */
  readonly received: number;
  readonly dropped: number;
  /** Gets every message, whatever it matches. */
  onmessage: ((message: Message) => boolean) | undefined;
  /** Gets every packet, both ways; none from a SharedWorker, as there they are of all tabs. */
  onpacket: ((packet: Packet) => void) | undefined;

  /** Resolves with the first CONNACK. */
  start(): Promise<void>;
  /**
   * Ends it all: DISCONNECT, and every promise rejects with `error`. Resolves when the WebSocket is closed.
   *
   * @throws TypeError, RangeError for what DISCONNECT may not say
   */
  stop(error: MqttError, options?: CloseOptions): Promise<void>;
  reauthenticate(): Promise<void>;

  /**
   * Publishes; `payload` is text or binary, `flags` are those of the fixed header (RETAIN 1, QoS << 1), `expiry` is in seconds.
   *
   * @throws TypeError for a topic or payload that is none
   */
  publish(
    topic: string, payload: unknown, flags: number, properties: Uint8Array, expiry: number, signal: AbortSignal | undefined,
  ): Promise<PublishResult>;
  /** The same, into the store; `id` names the message, now and in clients that come later. */
  enqueue(
    id: string, topic: string, payload: unknown, flags: number, properties: Uint8Array, expiry: number, signal: AbortSignal | undefined,
  ): Enqueued;
  /** Resolves when no operation is under way. */
  idle(): Promise<void>;

  /** @throws TypeError for a filter that is none (5.0 §4.7) */
  subscribe(wishes: readonly Wish[], options: SubscribeOptions, handler: Handler | undefined): Promise<Subscription>;
  /** For messages that arrive anyway: nothing is sent. */
  route(wishes: readonly Wish[], handler: Handler): Subscription;
  /** Has `task` run when all messages of the chunk were handed out, before they are acknowledged. */
  atChunkEnd(task: () => unknown): void;
}

/** What a backend tells its client. */
export interface BackendOwner {
  stateChanged(change: StateChange): void;
  /** The session is over, for `error`. */
  ended(error: MqttError): void;
  /** What became of a message that was enqueued. */
  settled(fate: Fate): void;
  /** What no promise tells. */
  report(error: unknown): void;
}
