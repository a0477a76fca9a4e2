// How connections follow each other: attempts, their pauses, and the end.
import { ClosedFlag } from "./engine/abi.js";
import type { Engine } from "./engine/engine.js";
import type { Closed, ConnectionEvents } from "./engine/records.js";
import { coreError, errorCode, faultText, MqttError } from "./errors.js";
import { BytesOption } from "./generated/options.js";
import type { ConnackProperties, DisconnectProperties } from "./generated/properties.js";
import { seizeLock } from "./locks.js";
import type { Operations } from "./operations.js";
import { readReference, readUrl, redact, redactCause, toField, writeLog, type Authentication, type ConnectOptions, type Settings } from "./options.js";
import type { Tap } from "./packets.js";
import { isOffline, onWake } from "./platform.js";
import { checkInteger, encodeProperties, NO_BYTES, parseProperties, toBytes } from "./properties.js";
import type { Filter, Subscriptions } from "./subscriptions.js";
import { findWebSocket, Transport } from "./transport.js";

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
  readonly operations: Operations;
  readonly subscriptions: Subscriptions;
  stateChanged(change: StateChange): void;
  /** The client is closed, for `error`. */
  ended(error: MqttError): void;
  /** What no promise tells. */
  report(error: unknown): void;
}

/** How a connection, or an attempt at one, has ended. */
interface Ending {
  error: MqttError;
  /** Another attempt would be of no use, or not wanted. */
  final?: boolean;
  /** At once, and at the same URL: the core will speak another version. */
  again?: boolean;
  /** The server that this one names instead of itself. */
  elsewhere?: URL | undefined;
  /** How long there was a connection, in ms. */
  upFor?: number;
}

interface Settlers {
  resolve(): void;
  reject(error: Error): void;
}

const STABLE = 10_000; // ms that a connection must stay up for the pauses to begin anew
const TRIALS = 3; // connections in a row that did not stay up, until the next URL has its turn
const LOOK = 1000; // ms in a pause until the clock is looked at, which goes on while the machine sleeps
const SERVERS = 15; // highest number that the core takes for a URL
const REDIRECTS = 5; // that follow each other without a connection that stayed up
const CONTINUE = 0x18; // reason codes of AUTH (5.0 §3.15.2.1)
const REAUTHENTICATE = 0x19;
const SESSION_TAKEN_OVER = 0x8e; // 5.0 §4.13.2
const SERVER_MOVED = 0x9d; // 5.0 §4.11
// The return codes of 3.1.1 (§3.2.2.3) in the words of 5.0.
const RETURN_CODES = [0, 0x84, 0x85, 0x88, 0x86, 0x87];

export class Connection implements ConnectionEvents {
  state: State = "idle";
  server: ServerInfo | undefined;
  assignedClientId: string | undefined;
  bytesReceived = 0;
  bytesSent = 0;
  connections = 0;
  /** Sees the packets that go in and out. */
  tap: Tap | undefined;

  readonly #engine: Engine<Filter>;
  readonly #settings: Settings;
  readonly #options: ConnectOptions;
  readonly #owner: ConnectionOwner;
  #stopError: MqttError | undefined; // the client closes, for this
  #url!: URL; // of the last attempt
  #elsewhere: URL | undefined; // where that server sends us
  #transport: Transport | undefined;
  #closing: Promise<void> | undefined; // of the last transport
  #closeCode: number | undefined;
  #textCame = false;
  #over: (ending: Ending) => void = () => {};
  #onlineSince: number | undefined;
  #everOnline = false;
  #wake: (atOnce?: boolean) => unknown = () => {};
  #opening: (Settlers & { promise: Promise<void> }) | undefined;
  #running: Promise<void> | undefined;
  #reauthentication: Settlers | undefined;
  #claimed: { name: string; release: () => void } | undefined;
  #takenOver: MqttError | undefined;

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
      const opening = {} as Settlers & { promise: Promise<void> };
      opening.promise = new Promise((resolve, reject) => Object.assign(opening, { resolve, reject }));
      this.#opening = opening;
      let over!: () => void;
      this.#running = new Promise((resolve) => (over = resolve)); // before any handler may ask for it
      void this.#run().then(over);
    }
    return this.#opening.promise;
  }

  /**
   * Ends it all: DISCONNECT, and every promise rejects with `error`. Resolves when the WebSocket is closed.
   *
   * @throws TypeError, RangeError for what DISCONNECT may not say
   */
  stop(error: MqttError, { reasonCode = 0, properties }: CloseOptions = {}): Promise<void> {
    if (!this.#stopError && this.state !== "closed") {
      // No session is left behind that nobody will come back to (5.0 §3.14.2.2.2); with a store somebody will.
      const bytes = encodeProperties({ ...(!this.#settings.durable && { sessionExpiryInterval: 0 }), ...properties });
      if (this.#engine.command("disconnect", checkInteger("reasonCode", reasonCode, 0, 0xff), this.#engine.put(bytes)) > 0) {
        throw new RangeError("DISCONNECT may not say this (5.0 §3.14.2)");
      }
      this.#stopError = error;
      this.#engine.halt();
      this.#wake();
      this.#running ??= this.#finish(error);
    }
    return this.#running ?? Promise.resolve();
  }

  /** Time may have passed unseen, or the network has changed: a pause ends, time-outs are looked at, an open line is tried where there is a network. */
  wake(): void {
    if (isOffline()) this.#engine.schedule(); // a try would fail, and platforms hold back the end of a line that is in use
    else this.#engine.command("probe");
    this.#wake(true);
  }

  // ---- attempts ----

  async #run(): Promise<void> {
    const { reconnect, urls } = this.#settings;
    const unlisten = onWake(() => this.wake());
    let attempt = 0; // 0 is the first of all; from 1 since there was a connection
    let server = 0; // which URL is next
    let tried = 0; // URLs of this round
    let trials = 0; // connections in a row that did not stay up
    let redirects = 0;
    let error: MqttError;
    this.#change({ state: "connecting" });
    for (;;) {
      if (this.#stopError) {
        error = this.#stopError;
        break;
      }
      const ending = await new Promise<Ending>((resolve) => {
        this.#over = resolve;
        // What url() and credentials() wait for may never come.
        this.#wake = () => this.#stopError && !this.#transport && resolve({ error: this.#stopError });
        this.#attempt(server, attempt).catch((cause: unknown) => {
          const detail = `url(), credentials() or the WebSocket failed: ${redact(String(cause))}`;
          const mqttError = cause instanceof MqttError ? cause : new MqttError("NETWORK_ERROR", "open", { detail, cause: redactCause(cause) });
          resolve({ error: mqttError, final: mqttError.code === "UNSUPPORTED" });
        });
      });
      error = ending.error;
      if (ending.final || this.#stopError) break;
      if (ending.again) continue;
      const stable = ending.upFor! >= STABLE;
      if (stable) redirects = 0;
      this.#elsewhere = redirects++ < REDIRECTS ? ending.elsewhere : undefined;
      if (this.#elsewhere) {
        if (ending.upFor !== undefined) await this.#pause(0, (attempt = 1), error);
        continue;
      }
      redirects = 0;
      this.#owner.report(error);
      attempt++;
      if (ending.upFor === undefined) {
        server++;
        tried++;
      } else {
        attempt = 1;
        tried = 0;
        trials = stable ? 0 : trials + 1;
        server = trials > 0 && trials % TRIALS === 0 ? server + 1 : 0; // the first is the one to be at
      }
      if (tried % urls.length > 0) continue;
      if (!reconnect || !(this.#everOnline || reconnect.initial)) break;
      const { min, max, factor } = reconnect;
      await this.#pause(this.#engine.reconnectDelay(min, max, factor, stable), attempt, error);
      if (this.#stopError) break;
    }
    unlisten();
    await this.#finish(this.#stopError ?? error);
  }

  /** Opens a WebSocket. How that ends, or the connection that comes of it, is told to #over. */
  async #attempt(server: number, attempt: number): Promise<void> {
    const { urls, protocols, connectTimeout } = this.#settings;
    const { credentials, WebSocket: given } = this.#options;
    const index = server % urls.length;
    const url = (this.#url = this.#elsewhere ?? readUrl(await urls[index]!(attempt)));
    const { username, password } = (typeof credentials === "function" ? await credentials() : credentials) ?? {};
    const constructor = given ?? (await findWebSocket());
    if (this.#stopError) return;
    const engine = this.#engine;
    const set = (option: BytesOption, name: string, value: unknown) => {
      if (value === undefined) engine.command("clear_bytes", option);
      else if (engine.command("set_bytes", option, engine.put(toField(name, value))) > 0) throw new TypeError(`${name} is no text`); // 5.0 §3.1.3.5
    };
    set(BytesOption.username, "username", username);
    set(BytesOption.password, "password", password);
    this.#log("open", { url: url.origin + url.pathname, attempt });
    this.#closeCode = undefined;
    this.#textCame = false;
    const transport = new Transport(constructor, given !== undefined, url.href, protocols, connectTimeout, {
      opened: () => {
        this.connections++;
        this.tap?.begin();
        const error = engine.opened(this.#elsewhere ? SERVERS : Math.min(index, SERVERS), (bytes) => {
          this.bytesSent += bytes.length;
          this.tap?.add("out", bytes);
          transport.send(bytes);
        });
        if (error > 0) this.#end({ error: new MqttError(errorCode(error), "connect"), final: true });
      },
      received: (bytes) => {
        this.bytesReceived += bytes.length;
        this.tap?.add("in", bytes);
        engine.receive(bytes);
      },
      textReceived: () => {
        this.#textCame = true;
        engine.lost();
      },
      failed: (error) => this.#end({ error }),
      closed: (code) => {
        this.#closeCode = code;
        engine.lost();
      },
    });
    this.#transport = transport;
  }

  /** Waits before the next round, and for the network. */
  #pause(ms: number, attempt: number, reason: MqttError): Promise<void> {
    const begin = performance.now();
    const retryAt = Math.ceil(Date.now() + ms);
    const state = () => (isOffline() ? "offline" : this.#everOnline ? "reconnecting" : "connecting");
    let timer: ReturnType<typeof setTimeout>;
    let shown: State | undefined;
    return new Promise((resolve) => {
      // Called by a timer, which may come early and sleeps with the machine, and by what wakes the platform.
      this.#wake = (atOnce) => {
        if (shown !== state() && !this.#stopError) this.#change({ state: (shown = state()), attempt, retryAt, reason });
        clearTimeout(timer); // also where a handler has just woken this
        const left = atOnce ? 0 : Math.min(ms - (performance.now() - begin), retryAt - Date.now()); // clocks may be set
        if (this.#stopError || (left <= 0 && !isOffline())) resolve();
        else timer = setTimeout(() => this.#wake(), left > 0 ? Math.min(left + 1, LOOK) : LOOK);
      };
      this.#wake();
    });
  }

  /**
   * Two clients with one identifier throw each other out. 5.0 has a reason code by which the older one knows, and stays away;
   * for all versions the clients of one origin tell each other.
   */
  #claim(): void {
    const { origin, pathname } = this.#url;
    const name = `tarta ${origin}${pathname} ${this.assignedClientId ?? this.#settings.clientId}`;
    if (this.#claimed?.name === name) return;
    this.#claimed?.release();
    const release = seizeLock(name, () => {
      this.#takenOver = new MqttError("SERVER_DISCONNECTED", "session", { reasonCode: SESSION_TAKEN_OVER });
      if (this.state !== "online") void this.stop(this.#takenOver);
    });
    this.#claimed = { name, release };
  }

  async #finish(error: MqttError): Promise<void> {
    this.#claimed?.release();
    this.#engine.stop();
    this.#owner.ended(error);
    this.#change(error.code === "CLIENT_CLOSED" ? { state: "closed" } : { state: "closed", reason: error });
    this.#opening?.reject(error);
    this.#closing ??= this.#transport?.close();
    await this.#closing;
  }

  // ---- what the core tells ----

  connected(version: number, sessionPresent: boolean, bytes: Uint8Array): void {
    this.server = { ...parseProperties(bytes), version, sessionPresent };
    this.assignedClientId = this.server.assignedClientIdentifier || this.assignedClientId; // an empty one is none
    if (this.tap) this.tap.version = version;
    this.#onlineSince = performance.now();
    this.#everOnline = true;
    if (this.#settings.named) this.#claim();
    this.#owner.subscriptions.connected(sessionPresent);
    this.#change({ state: "online" });
    this.#opening!.resolve();
  }

  closed({ error, reason, fault, flags, properties }: Closed): void {
    const online = this.#onlineSince !== undefined;
    const text = this.#textCame;
    const code = !text ? errorCode(error) : online ? "PROTOCOL_ERROR" : "NOT_MQTT";
    const detail = text ? "it sent text, but MQTT is binary" : code === "CONNECT_TIMEOUT" ? this.#silence : faultText(fault);
    const { reasonString, serverReference } = parseProperties(properties);
    const elsewhere = this.#settings.redirect ? readReference(serverReference, this.#url) : undefined;
    this.#end({
      error: new MqttError(code, online ? "session" : "connect", {
        reasonCode: (RETURN_CODES[reason] ?? reason) || undefined,
        reasonString,
        serverReference,
        closeCode: this.#closeCode,
        detail,
      }),
      final: (flags & ClosedFlag.final) !== 0 || (reason === SERVER_MOVED && !elsewhere),
      elsewhere,
      again: (flags & ClosedFlag.again) !== 0 && !text,
    });
  }

  get #silence(): string {
    return this.#settings.durable ? "no CONNACK came, or the store kept CONNECT waiting" : "no CONNACK came";
  }

  #end(ending: Ending): void {
    if (this.#takenOver) ending = { error: this.#takenOver, final: true };
    if (this.#onlineSince !== undefined) ending.upFor = performance.now() - this.#onlineSince;
    this.#onlineSince = undefined;
    this.#closing = this.#transport?.close();
    this.#transport = undefined;
    this.#reauthentication?.reject(ending.error);
    this.#reauthentication = undefined;
    this.#owner.operations.lost(ending.error);
    this.#owner.subscriptions.lost();
    this.#over(ending);
  }

  flushed(): void {
    // What was given to a socket that closes goes nowhere.
    if (this.#transport?.closing) this.#owner.operations.lost(new MqttError("CONNECTION_LOST", "session"));
    else this.#owner.operations.flushed();
    this.#owner.subscriptions.flushed();
  }

  // ---- enhanced authentication (5.0 §4.12) ----

  async authentication(reason: number, bytes: Uint8Array): Promise<void> {
    if (reason !== CONTINUE) {
      this.#reauthentication?.resolve();
      this.#reauthentication = undefined;
      return;
    }
    const transport = this.#transport;
    try {
      const answer = await this.#options.authentication!.next?.(parseProperties(bytes).authenticationData);
      if (transport === this.#transport) this.#authenticate(CONTINUE, answer);
    } catch (cause) {
      if (transport !== this.#transport) return;
      void this.stop(new MqttError("AUTHENTICATION_FAILED", "connect", { cause }));
    }
  }

  #authenticate(reason: number, data: Authentication["data"]): number {
    return this.#engine.command("authenticate", reason, this.#engine.put(data === undefined ? NO_BYTES : toBytes("authentication data", data)));
  }

  /** Resolves when the server has accepted it. */
  reauthenticate(): Promise<void> {
    if (this.state !== "online") return Promise.reject(new MqttError("CONNECTION_LOST", "session", { detail: "there is none" }));
    const before = this.#reauthentication;
    return new Promise((resolve, reject) => {
      // A second one, while the first is under way, ends with it.
      const error = before ? 0 : this.#authenticate(REAUTHENTICATE, this.#options.authentication?.data);
      if (error > 0) return reject(coreError(error, "session"));
      this.#reauthentication = {
        resolve: () => (before?.resolve(), resolve()),
        reject: (cause) => (before?.reject(cause), reject(cause)),
      };
    });
  }

  // ---- telling ----

  #change(change: StateChange): void {
    this.state = change.state;
    this.#log("state", { ...change });
    this.#owner.stateChanged(change);
  }

  #log(event: string, details: object): void {
    writeLog(this.#options.log, event, details);
  }
}
