// How connections follow each other: attempts, their pauses, and the end.
import { ClosedFlag } from "./engine/abi.js";
import type { Engine } from "./engine/engine.js";
import type { Closed, ConnectionEvents } from "./engine/records.js";
import { errorCode, faultText, MqttError } from "./errors.js";
import { BytesOption } from "./generated/options.js";
import { Packet, type ConnackProperties, type DisconnectProperties } from "./generated/properties.js";
import { copyBytes, readUrl, type ConnectOptions, type LogRecord, type Settings } from "./options.js";
import { isOffline, onWake } from "./platform.js";
import { checkInteger, encodeProperties, NO_BYTES, parseProperties } from "./properties.js";
import type { Filter } from "./subscriptions.js";
import { Transport } from "./transport.js";

/** What a client is at. */
export type State = "idle" | "connecting" | "online" | "reconnecting" | "offline" | "closed";

/** A change of state. */
export interface StateChange {
  state: State;
  /** `"reconnecting"`: counts the attempts since the connection was lost, from 1. */
  attempt?: number;
  /** `"reconnecting"`: when the attempt begins, in milliseconds since 1970. */
  retryAt?: number;
  /** `"reconnecting"`, `"offline"`: why the connection was lost; `"closed"`: why, if not by `close()`. */
  reason?: MqttError;
}

/** What CONNACK said (5.0 §3.2). */
export interface ServerInfo extends ConnackProperties {
  /** 5, 4 (3.1.1) or 3 (3.1). */
  version: number;
  sessionPresent: boolean;
}

/** What `close()` says in DISCONNECT (5.0 §3.14). */
export interface CloseOptions {
  reasonCode?: number;
  properties?: DisconnectProperties;
}

/** What a connection tells its client. */
export interface ConnectionOwner {
  stateChanged(change: StateChange): void;
  /** The connection is lost, and what was on its way with it. */
  lost(error: MqttError): void;
  flushed(): void;
  /** The client is closed, for `error`. */
  ended(error: MqttError): void;
  report(error: unknown): void;
}

/** How a connection, or an attempt at one, has ended. */
interface Ending {
  error: MqttError;
  /** Another attempt would be of no use, or not wanted. */
  final?: boolean;
  /** At once, and at the same URL: the core will speak another version. */
  again?: boolean;
  /** How long there was a connection, in ms. */
  upFor?: number;
}

interface Deferred {
  resolve(): void;
  reject(error: Error): void;
}

const STABLE = 10_000; // ms that a connection must stay up for the pauses to begin anew
const SERVERS = 16; // that the core tells apart
const CONTINUE = 0x18; // reason codes of AUTH (5.0 §3.15.2.1)
const REAUTHENTICATE = 0x19;
// The return codes of 3.1.1 (§3.2.2.3) in the words of 5.0.
const RETURN_CODES = [0, 0x84, 0x85, 0x88, 0x86, 0x87];

export class Connection implements ConnectionEvents {
  state: State = "idle";
  server: ServerInfo | undefined;
  readonly counters = { bytesReceived: 0, bytesSent: 0, connections: 0 };

  readonly #engine: Engine<Filter>;
  readonly #settings: Settings;
  readonly #options: ConnectOptions;
  readonly #owner: ConnectionOwner;
  readonly #stop = new AbortController(); // aborts when the client closes
  readonly #servers: string[] = [];
  #stopError: MqttError | undefined;
  #transport: Transport | undefined;
  #closing: Promise<void> | undefined; // of the last transport
  #closeCode: number | undefined;
  #textCame = false;
  #ended: ((ending: Ending) => void) | undefined;
  #onlineSince: number | undefined;
  #everOnline = false;
  #wake: (() => void) | undefined;
  #opening: (Deferred & { promise: Promise<void> }) | undefined;
  #running: Promise<void> | undefined;
  #reauthentication: Deferred | undefined;

  constructor(engine: Engine<Filter>, settings: Settings, options: ConnectOptions, owner: ConnectionOwner) {
    this.#engine = engine;
    this.#settings = settings;
    this.#options = options;
    this.#owner = owner;
  }

  /** Bytes that the socket has not sent yet. */
  get backlog(): number {
    return this.#transport?.backlog ?? 0;
  }

  /** Resolves with the first CONNACK. */
  start(): Promise<void> {
    if (!this.#opening) {
      const opening = { promise: Promise.resolve(), resolve: () => {}, reject: (_: Error) => {} };
      opening.promise = new Promise((resolve, reject) => Object.assign(opening, { resolve, reject }));
      opening.promise.catch(() => {});
      this.#opening = opening;
      this.#running = this.#run();
    }
    return this.#opening.promise;
  }

  /**
   * Ends it all: DISCONNECT, and every promise rejects with `error`. Resolves when the WebSocket is closed.
   *
   * @throws TypeError, RangeError for what DISCONNECT may not say
   */
  stop(error: MqttError, { reasonCode = 0, properties = {} }: CloseOptions = {}): Promise<void> {
    if (this.state === "closed" || this.#stopError) return this.#running ?? Promise.resolve();
    // No session is left behind that nobody will come back to (5.0 §3.14.2.2.2).
    const bytes = encodeProperties({ sessionExpiryInterval: 0, ...properties }, Packet.DISCONNECT);
    checkInteger("reasonCode", reasonCode, 0, 0xff);
    if (this.#engine.disconnect(reasonCode, bytes) > 0) throw new RangeError("DISCONNECT may not say this (5.0 §3.14.2)");
    this.#stopError = error;
    this.#engine.halt();
    this.#stop.abort(error);
    this.#wake?.();
    return (this.#running ??= this.#finish(error));
  }

  // ---- attempts ----

  async #run(): Promise<void> {
    const { reconnect, urls } = this.#settings;
    const round = typeof urls === "function" ? 1 : urls.length;
    const unlisten = onWake(() => {
      this.#engine.schedule(); // time-outs may have passed in a sleep
      this.#wake?.();
    });
    let failures = 0; // rounds without a connection that stayed up
    let attempt = 0; // since there was a connection
    let server = 0;
    this.#change({ state: "connecting" });
    for (;;) {
      const { error, final, again, upFor } = await this.#attempt(server, attempt);
      if (final || this.#stopError) return unlisten(), this.#finish(this.#stopError ?? error);
      if (again) continue;
      this.#owner.report(error);
      if (upFor === undefined) {
        server++;
        attempt++;
      } else {
        server %= round; // the same once more
        attempt = 0;
        if (upFor >= STABLE) failures = 0;
      }
      if (attempt % round > 0) continue;
      if (!reconnect || !(this.#everOnline || reconnect.initial)) return unlisten(), this.#finish(error);
      await this.#pause(failures++, attempt + 1, error);
    }
  }

  /** Resolves when the attempt has failed, or the connection that came of it has ended. */
  async #attempt(server: number, attempt: number): Promise<Ending> {
    const { urls, protocols, connectTimeout: timeout } = this.#settings;
    const { signal } = this.#stop;
    try {
      const url = typeof urls === "function" ? readUrl(await abortable(urls(attempt), signal)) : urls[server % urls.length]!;
      await this.#setCredentials();
      this.#log("open", { url: url.origin + url.pathname, attempt });
      let ending: Promise<Ending> | undefined;
      const opened = (transport: Transport) => (ending = this.#use(transport, url.href));
      await Transport.open(url.href, { protocols, WebSocket: this.#options.WebSocket, timeout, signal, opened });
      return await ending!;
    } catch (cause) {
      if (cause instanceof MqttError) return { error: cause, final: cause.code === "UNSUPPORTED" };
      return { error: new MqttError("NETWORK_ERROR", { phase: "open", detail: `url() or credentials() failed: ${String(cause)}`, cause }) };
    }
  }

  async #setCredentials(): Promise<void> {
    const { credentials } = this.#options;
    const given = typeof credentials === "function" ? await abortable(credentials(), this.#stop.signal) : credentials;
    const { username, password } = given ?? {};
    this.#engine.setBytes(BytesOption.username, username === undefined ? undefined : copyBytes("username", username));
    this.#engine.setBytes(BytesOption.password, password === undefined ? undefined : copyBytes("password", password));
  }

  #use(transport: Transport, url: string): Promise<Ending> {
    this.#transport = transport;
    this.#closeCode = undefined;
    this.#textCame = false;
    this.counters.connections++;
    return new Promise((resolve) => {
      this.#ended = resolve;
      transport.onmessage = (bytes) => {
        this.counters.bytesReceived += bytes.length;
        this.#engine.receive(bytes);
      };
      transport.onclose = (code, textCame) => {
        this.#closeCode = code;
        this.#textCame = textCame;
        this.#engine.lost();
      };
      const send = (bytes: Uint8Array<ArrayBuffer>) => {
        this.counters.bytesSent += bytes.length;
        transport.send(bytes);
      };
      if (!this.#servers.includes(url)) this.#servers.push(url);
      const number = this.#engine.opened(Math.min(this.#servers.indexOf(url), SERVERS - 1), { send });
      if (number > 0) this.#over({ error: new MqttError(errorCode(number), { phase: "connect" }), final: true });
    });
  }

  /** Waits before the next round: a random part of a time that grows, so that not all clients come back at once. */
  async #pause(failures: number, attempt: number, reason: MqttError): Promise<void> {
    const { min, max, factor } = this.#settings.reconnect!;
    const retryAt = Math.ceil(Date.now() + Math.random() * Math.min(max, min * factor ** failures));
    const waiting: State = this.#everOnline ? "reconnecting" : "connecting";
    let shown: State = "connecting";
    const show = (state: State) => {
      if (state !== shown) this.#change({ state, attempt, retryAt, reason });
      shown = state;
    };
    await new Promise<void>((resolve) => {
      const check = () => {
        if (!this.#stopError && (Date.now() < retryAt || isOffline())) return show(isOffline() ? "offline" : waiting);
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
      this.#wake = check; // the platform may tell earlier than the timer, which sleeps with the machine
      const timer = setTimeout(check, retryAt - Date.now() + 1);
      check();
    });
    if (!this.#stopError) show(waiting);
  }

  async #finish(error: MqttError): Promise<void> {
    this.#engine.stop();
    this.#change(error.code === "CLIENT_CLOSED" ? { state: "closed" } : { state: "closed", reason: error });
    this.#owner.ended(error);
    this.#opening?.reject(error);
    await this.#closing;
  }

  // ---- what the core tells ----

  connected(version: number, sessionPresent: boolean, bytes: Uint8Array): void {
    this.server = { ...parseProperties(bytes), version, sessionPresent };
    this.#onlineSince = performance.now();
    this.#everOnline = true;
    this.#change({ state: "online" });
    this.#opening!.resolve();
  }

  closed({ error: number, reason, fault, flags, properties }: Closed): void {
    const online = this.#onlineSince !== undefined;
    const code = !this.#textCame ? errorCode(number) : online ? "PROTOCOL_ERROR" : "NOT_MQTT";
    const error = new MqttError(code, {
      phase: online ? "session" : "connect",
      reasonCode: (RETURN_CODES[reason] ?? reason) || undefined,
      reasonString: parseProperties(properties).reasonString,
      closeCode: this.#closeCode,
      detail: this.#textCame ? "it sent text, where MQTT is binary (5.0 §6.0)" : faultText(fault),
    });
    this.#over({ error, final: (flags & ClosedFlag.final) !== 0, again: (flags & ClosedFlag.again) !== 0 && !this.#textCame });
  }

  #over(ending: Ending): void {
    if (this.#onlineSince !== undefined) ending.upFor = performance.now() - this.#onlineSince;
    this.#onlineSince = undefined;
    this.#closing = this.#transport?.close();
    this.#transport = undefined;
    this.#reauthentication?.reject(ending.error);
    this.#reauthentication = undefined;
    this.#owner.lost(ending.error);
    this.#ended?.(ending);
  }

  flushed(): void {
    this.#owner.flushed();
  }

  // ---- enhanced authentication (5.0 §4.12) ----

  authentication(reason: number, bytes: Uint8Array): void {
    if (reason !== CONTINUE) {
      this.#reauthentication?.resolve();
      this.#reauthentication = undefined;
      return;
    }
    const { authenticationData } = parseProperties(bytes);
    void this.#answer(authenticationData);
  }

  async #answer(data: Uint8Array | undefined): Promise<void> {
    const transport = this.#transport;
    try {
      const answer = await this.#options.authentication?.next?.(data);
      if (transport !== this.#transport) return; // an answer to a connection that is gone
      this.#engine.authenticate(CONTINUE, answer === undefined ? NO_BYTES : copyBytes("authentication data", answer));
    } catch (cause) {
      const error = new MqttError("CANCELLED", { phase: "connect", detail: "authentication.next() failed", cause });
      void this.stop(error);
    }
  }

  /** Resolves when the server has accepted it. */
  reauthenticate(): Promise<void> {
    const { data } = this.#options.authentication ?? {};
    const number = this.#engine.authenticate(REAUTHENTICATE, data === undefined ? NO_BYTES : copyBytes("authentication.data", data));
    if (number > 0) return Promise.reject(new MqttError(errorCode(number), { phase: "session" }));
    return new Promise((resolve, reject) => (this.#reauthentication = { resolve, reject }));
  }

  // ---- telling ----

  #change(change: StateChange): void {
    this.state = change.state;
    this.#log("state", { ...change });
    this.#owner.stateChanged(change);
  }

  #log(event: LogRecord["event"], details: Record<string, unknown>): void {
    this.#options.log?.({ event, time: Date.now(), ...details });
  }
}

/** The promise, or a rejection when the signal aborts first. */
function abortable<Value>(value: Value | Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason as Error);
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    Promise.resolve(value).then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
