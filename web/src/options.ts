import type { WasmSource } from "./engine/loader.js";
import { BytesOption, NumberOption } from "./generated/options.js";
import type { ConnectProperties, WillProperties } from "./generated/properties.js";
import type { QoS } from "./message.js";
import { inPage } from "./platform.js";
import { checkInteger, checkSpelling, checkText, encodeProperties, toBytes } from "./properties.js";
import { checkSignal } from "./signal.js";
import type { Store } from "./stores/store.js";
import type { Handler } from "./subscription.js";
import type { WebSocketConstructor } from "./transport.js";

/** Where the server is: one URL, several that are tried in turn, or a function that is asked at each attempt (from 0). */
export type ServerUrl = string | URL | readonly (string | URL)[] | UrlFunction;

type UrlFunction = (attempt: number) => string | URL | Promise<string | URL>;

/** What a payload is made of: text becomes UTF-8; of a view only what it shows. */
export type Payload = string | ArrayBufferLike | ArrayBufferView;

/** User name and password. */
export interface Credentials {
  username?: string;
  password?: string | ArrayBufferLike | ArrayBufferView;
}

/** The message that the server publishes when the connection breaks (5.0 §3.1.2.5). */
export interface Will {
  topic: string;
  payload?: Payload;
  qos?: QoS;
  retain?: boolean;
  /** Seconds until the server publishes it (Will Delay Interval, 5.0). */
  delayInterval?: number;
  /** Seconds that it is kept (Message Expiry Interval, 5.0). */
  expiry?: number;
  /** All else that it bears: content type, user properties, … (5.0 §3.1.3.2). */
  properties?: WillProperties;
}

/** Enhanced authentication (5.0 §4.12). */
export interface Authentication {
  method: string;
  /** The data of CONNECT. */
  data?: string | ArrayBufferLike | ArrayBufferView;
  /** Answers the server's data, at each step. Where it fails, the client ends with `AUTHENTICATION_FAILED`. */
  next?(data: Uint8Array | undefined): Authentication["data"] | Promise<Authentication["data"]>;
}

/** How attempts follow each other; times in ms. Each waits a random part of `min × factor^n`, at most of `max`. */
export interface Reconnect {
  /** Default 250. */
  min?: number;
  /** Default 30,000. */
  max?: number;
  /** Default 2. */
  factor?: number;
  /** Whether `connect()` goes on when its first round over all URLs has failed. Default false. */
  initial?: boolean;
}

/** What may wait, or be unacknowledged. */
export interface QueueLimits {
  /** Default 10,000. Of QoS 1 and 2 no more than 65,535, as each has a packet identifier. */
  maxMessages?: number;
  /** Bytes of topics, properties and payloads. Default 16 MiB. */
  maxBytes?: number;
  /** What happens when there is no room. Default `"reject"`: the new message rejects with `QUEUE_FULL`. */
  overflow?: "reject" | "drop-oldest" | "drop-qos0";
}

/** Makes bytes of what is published. */
export interface Codec {
  encode(value: any): Payload;
}

/** One line for the log. Passwords, authentication data, URL user-info and queries are never in it. */
export interface LogRecord {
  /** `state`, `open`, `error`. */
  event: string;
  /** Milliseconds since 1970. */
  time: number;
  [detail: string]: unknown;
}

/**
 * Where the client lives: on the page, in a Worker of its own (true), in one of the application's, which runs `tarta/worker`,
 * or in a SharedWorker, which runs that too, with one connection for all tabs of the origin.
 */
export type WorkerOption = boolean | "dedicated" | Worker | string | URL | { shared: string | URL };

/** Options of a client. */
export interface ConnectOptions {
  /** Default: 23 random characters. An Assigned Client Identifier of the server replaces it. */
  clientId?: string;
  /**
   * 5; 4 (3.1.1); 3 (3.1); or `"auto"`, the default: 5.0, then 3.1.1 where the server does not speak it, unless there is
   * `authentication`, which 3.1.1 does not have.
   */
  version?: "auto" | 5 | 4 | 3;
  /** Clean Start (5.0), Clean Session (3.1.1) of the first connection. Default true. */
  clean?: boolean;
  /** Seconds that the server keeps the session when the connection is gone; 5.0. Default 300. */
  sessionExpiryInterval?: number;
  /** What to do with a session that only the server knows of. Default `"refuse"` (5.0 §3.2.2.1.1). */
  brokerSession?: "refuse" | "accept" | "restart";
  /** What becomes of unacknowledged messages when the server has lost the session. Default `"resend-qos1"`. */
  onSessionLost?: "resend-qos1" | "reject" | "resend";
  /** Seconds; 0 turns it off; Server Keep Alive wins. Default 60. */
  keepalive?: number;
  /** User name and password, or a function that is called at each attempt. */
  credentials?: Credentials | (() => Credentials | Promise<Credentials>);
  will?: Will;
  /** Further properties of CONNECT (5.0 §3.1.2.11). */
  properties?: ConnectProperties;
  authentication?: Authentication;
  /** `false`: a lost connection is final. */
  reconnect?: Reconnect | boolean;
  /**
   * Whether to go where the server sends its clients (Server Reference, 5.0 §4.11), never from `wss:` to `ws:`. Default
   * `"error"`: the error's `serverReference` tells.
   */
  redirect?: "error" | "follow";
  /** ms until the WebSocket is open, and again from there to CONNACK. 0: none. Default 10,000. */
  connectTimeout?: number;
  /** ms until an overdue acknowledgement ends the connection. Default null: never. */
  ackTimeout?: number | null;
  queue?: QueueLimits;
  /** Bytes of the largest packet that is accepted. Default 16 MiB. */
  maximumPacketSize?: number;
  /** Unacknowledged messages of QoS 1 and 2 that the server may have under way. Default 65,535. */
  receiveMaximum?: number;
  /** Topic aliases that the server may use; 5.0. Default 100. */
  topicAliasMaximum?: number;
  /** Handlers by filter, as of `client.route()`, in place before the first message arrives. */
  routes?: Record<string, Handler>;
  /** WebSocket subprotocols; the server must select one of them. Default `["mqtt"]`. */
  protocols?: string | readonly string[];
  /** Default: that of the platform; in Node before 22 that of the package `ws`. */
  WebSocket?: WebSocketConstructor;
  /** Aborts the connection attempt; later closes the client. */
  signal?: AbortSignal;
  log?: (record: LogRecord) => void;
  /** For payloads of other types. */
  codec?: Codec;
  /** Default false. `client.stats.worker` tells what has come of it. */
  worker?: WorkerOption;
  /**
   * What is to outlive the client: messages of QoS 1 and 2 that are not acknowledged, what was received at QoS 2, and what the
   * server knows of the client. With it `clean` is false by default, and `sessionExpiryInterval` a day.
   */
  store?: Store;
  /** Where the module is; `tarta/slim` alone needs it. */
  wasm?: WasmSource;
}

/** Options, checked, as the client uses them. */
export interface Settings {
  urls: readonly UrlFunction[];
  /** The URLs, unless a function tells them. */
  addresses: readonly string[] | undefined;
  clientId: string;
  /** Whether the application has given it. */
  named: boolean;
  /** Whether there is a store. */
  durable: boolean;
  protocols: readonly string[];
  reconnect: Required<Reconnect> | undefined;
  redirect: boolean;
  connectTimeout: number;
  /** What the core is told before its first connection. */
  numbers: [name: string, option: NumberOption, value: number][];
  bytes: [BytesOption, Uint8Array][];
}

/** 23 characters, which every server accepts as client identifier (5.0 §3.1.3.1). */
export function randomName(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(23)), (number) => (number % 36).toString(36)).join("");
}

/** Of what an application gives, what is to cross to a Worker: the rest may be what cannot. */
export function readCredentials(credentials: Credentials | undefined): Credentials | undefined {
  if (!credentials) return undefined;
  const { username, password } = credentials;
  return { ...(username !== undefined && { username }), ...(password !== undefined && { password }) };
}

/** A text without what is secret in URLs: user-info and query. */
export const redact = (text: string) => text.replace(/\/\/[^\s/]*@/g, "//").replace(/\?[^\s"']*/g, "");

/** An error as a cause that may be shown; of a URL that is none Node's own tells the whole. */
export function redactCause(cause: unknown): unknown {
  const text = redact(String(cause));
  return text !== String(cause) || (cause as { input?: string } | undefined)?.input !== undefined ? new Error(text) : cause;
}

/** Writes to the application's log, which must not do harm. */
export function writeLog(log: ConnectOptions["log"], event: string, details: object): void {
  try {
    log?.({ event, time: Date.now(), ...details });
  } catch {}
}

/**
 * The bytes of what CONNECT has in a field of its own.
 *
 * @throws TypeError, RangeError for what is no text or binary, or has more than 65,535 bytes (5.0 §1.5.4, §1.5.6)
 */
export function toField(name: string, value: unknown): Uint8Array {
  if (typeof value === "string") checkText(name, value);
  const bytes = toBytes(name, value);
  if (bytes.length > 0xffff) throw new RangeError(`${name} is longer than 65,535 bytes`);
  return bytes;
}

/** An absolute `ws:` or `wss:` URL; relative ones count from the page. @throws TypeError */
export function readUrl(url: string | URL): URL {
  const { location } = globalThis as { location?: { href?: string } };
  if (!URL.canParse(url, location?.href)) {
    // Node's own error tells all of it; what redact() looks for is not to be relied on here, as in a password with "/".
    throw new TypeError(`"${String(url).replace(/\/\/.*@/s, "//").replace(/\?.*/s, "")}" is no URL`);
  }
  const read = new URL(url, location?.href);
  read.protocol = read.protocol.replace("http", "ws");
  if (read.protocol !== "ws:" && read.protocol !== "wss:") throw new TypeError(`"${read.protocol}" is not ws: or wss:`);
  read.hash = "";
  return read;
}

/**
 * The URL that a Server Reference names (5.0 §4.11: the first of several, a host with or without a port), otherwise like
 * the one that was used. Undefined for the same one again, and for one that is less secure.
 */
export function readReference(reference: string | undefined, used: URL): URL | undefined {
  const first = reference?.split(" ")[0] ?? "";
  const url = new URL(used);
  if (/^([\w.-]+|\[[\da-f:.]+])(:\d+)?$/i.test(first)) url.host = first;
  else if (/^wss?:\/\//.test(first) && URL.canParse(first)) url.href = first;
  const safe = url.protocol === used.protocol || url.protocol === "wss:";
  return safe && url.href !== used.href ? url : undefined;
}

/** The core's options that are numbers, by the names of ConnectOptions and its parts. */
const NUMBERS: Record<string, NumberOption> = {
  version: NumberOption.version,
  clean: NumberOption.cleanStart,
  keepalive: NumberOption.keepalive,
  sessionExpiryInterval: NumberOption.sessionExpiryInterval,
  receiveMaximum: NumberOption.receiveMaximum,
  maximumPacketSize: NumberOption.maximumPacketSize,
  topicAliasMaximum: NumberOption.topicAliasMaximum,
  connectTimeout: NumberOption.connectTimeout,
  ackTimeout: NumberOption.ackTimeout,
  maxMessages: NumberOption.queueMaxMessages,
  maxBytes: NumberOption.queueMaxBytes,
  overflow: NumberOption.queueOverflow,
  brokerSession: NumberOption.brokerSession,
  onSessionLost: NumberOption.onSessionLost,
  willQos: NumberOption.willQos,
  willRetain: NumberOption.willRetain,
};

/** What options stand for that are not given as numbers: the place in the list. */
const CHOICES: Record<string, readonly unknown[]> = {
  version: ["auto", , , 3, 4, 5],
  clean: [false, true],
  overflow: ["reject", "drop-oldest", "drop-qos0"],
  brokerSession: ["refuse", "accept", "restart"],
  onSessionLost: ["resend-qos1", "reject", "resend"],
  willRetain: [false, true],
};

const NAMES =
  ` ${Object.keys(NUMBERS).join(" ")} clientId credentials will properties authentication reconnect redirect queue routes protocols` +
  " WebSocket signal log codec worker store wasm ";

const SMALLEST: Record<string, number> = { receiveMaximum: 1, maximumPacketSize: 1 };
const DAY = 24 * 60 * 60; // s
const TIMER = 0x7fffffff; // ms that a timer takes
const LARGEST: Record<string, number> = {
  keepalive: 0xffff, receiveMaximum: 0xffff, topicAliasMaximum: 0xffff, willQos: 2, connectTimeout: TIMER, ackTimeout: TIMER,
};
/** Options that are properties of CONNECT, too. */
const IN_BOTH = ["sessionExpiryInterval", "receiveMaximum", "maximumPacketSize", "topicAliasMaximum"];

function readNumbers(values: object): Settings["numbers"] {
  const numbers: Settings["numbers"] = [];
  for (const [name, value] of Object.entries(values) as [string, unknown][]) {
    if (!Object.hasOwn(NUMBERS, name) || value === undefined || value === null) continue;
    const option = NUMBERS[name]!;
    const choices = CHOICES[name];
    const number = choices ? choices.indexOf(value) : checkInteger(name, value, SMALLEST[name] ?? 0, LARGEST[name] ?? 0xffffffff);
    if (number < 0) throw new TypeError(`${name} must be one of ${choices!.filter((one) => one !== undefined).join()}`);
    numbers.push([name, option, number]);
  }
  return numbers;
}

function checkStore({ store, worker }: ConnectOptions): void {
  if (store === undefined) return;
  if (typeof (store as Store | null)?.open !== "function") throw new TypeError("store must be one, such as indexedDBStore(name)");
  if (worker && !store.description) throw new TypeError("a Worker can have a store of indexedDBStore() alone");
}

function checkWorker({ worker, WebSocket }: ConnectOptions): void {
  if (!worker) return;
  const { shared, postMessage } = worker as { shared?: unknown; postMessage?: unknown };
  const isUrl = (value: unknown) => typeof value === "string" || value instanceof URL;
  if (worker !== true && !isUrl(worker) && !isUrl(shared) && typeof postMessage !== "function") {
    throw new TypeError('worker must be a boolean, "dedicated", a Worker, a URL or { shared: URL }');
  }
  if (WebSocket) throw new TypeError("a WebSocket cannot be given to a Worker");
}

/** @throws TypeError, RangeError */
export function readOptions(url: ServerUrl, options: ConnectOptions): Settings {
  checkSpelling(options, NAMES);
  checkStore(options);
  checkWorker(options);
  const addresses = typeof url === "function" ? undefined : [url].flat().map((one) => readUrl(one).href);
  const urls = addresses?.map((one) => () => one) ?? [url as UrlFunction];
  if (urls.length === 0) throw new TypeError("at least one URL is needed");
  const { clientId = randomName(), connectTimeout = 10_000, reconnect = {}, queue, protocols = "mqtt", authentication, will, redirect = "error" } = options;

  const bytes: [BytesOption, Uint8Array][] = [];
  const add = (option: BytesOption, name: string, value: unknown) => {
    if (value !== undefined) bytes.push([option, new Uint8Array(toField(name, value))]);
  };
  // Some properties of CONNECT are options too.
  const properties = Object.entries(options.properties ?? {});
  const isOption = ([name]: [string, unknown]) => IN_BOTH.includes(name);
  const further: ConnectProperties = Object.fromEntries(properties.filter((entry) => !isOption(entry)));
  if (further.authenticationMethod ?? further.authenticationData) throw new TypeError("authentication is an option of its own");
  for (const [name, value] of Object.entries({ clientId, "authentication.method": authentication?.method, "will.topic": will?.topic })) {
    if (value !== undefined && typeof value !== "string") throw new TypeError(`${name} must be a string`);
  }
  const isOld = options.version === 4 || options.version === 3;
  if (isOld && authentication) throw new TypeError("authentication needs version 5");
  if (typeof options.credentials !== "function") {
    const { username = "", password = "" } = options.credentials ?? {};
    if (isOld && options.credentials?.password !== undefined && options.credentials.username === undefined) throw new TypeError("before version 5 a password needs a username"); // 3.1.1 §3.1.2.9
    if (typeof username !== "string") throw new TypeError("credentials.username must be a string");
    toField("credentials.username", username);
    toField("credentials.password", password);
  }
  if (options.log !== undefined && typeof options.log !== "function") throw new TypeError("log must be a function");
  checkSignal(options.signal);
  add(BytesOption.clientId, "clientId", clientId);
  add(BytesOption.connectProperties, "", encodeProperties(further));
  add(BytesOption.authenticationMethod, "authentication.method", authentication?.method);
  add(BytesOption.authenticationData, "authentication.data", authentication?.data);
  if (will) {
    const { topic, payload = "", delayInterval: willDelayInterval, expiry: messageExpiryInterval } = will;
    if (topic === undefined || /^$|[+#\0]/.test(topic)) throw new TypeError("will.topic is no valid topic name"); // 5.0 §4.7
    add(BytesOption.willTopic, "will.topic", topic);
    add(BytesOption.willPayload, "will.payload", payload);
    add(BytesOption.willProperties, "", encodeProperties({ willDelayInterval, messageExpiryInterval, ...will.properties } as WillProperties));
  }
  const asProperties: Partial<ConnectOptions> = Object.fromEntries(properties.filter(isOption));
  const kept = options.store && {
    clean: options.clean ?? false,
    sessionExpiryInterval: options.sessionExpiryInterval ?? asProperties.sessionExpiryInterval ?? DAY,
  };
  const numbers = readNumbers({
    ...asProperties, ...options, ...kept, ...queue, willQos: will?.qos, willRetain: will?.retain,
  });
  numbers.push(["", NumberOption.pingEarly, inPage() ? 1 : 0]);

  const { min = 250, max = 30_000, factor = 2, initial = false } = reconnect as Reconnect;
  const pauses = { min, max, factor, initial };
  checkInteger("reconnect.max", pauses.max, checkInteger("reconnect.min", pauses.min, 0, 2 ** 31), 2 ** 31);
  const redirects = ["error", "follow"].indexOf(redirect);
  if (redirects < 0) throw new TypeError("redirect must be one of error,follow");
  if (!(pauses.factor >= 1)) throw new RangeError("reconnect.factor must be at least 1");
  const named = options.clientId !== undefined;
  const durable = options.store !== undefined;
  return { urls, addresses, clientId, named, durable, protocols: [protocols].flat(), reconnect: reconnect ? pauses : undefined, redirect: redirects > 0, connectTimeout, numbers, bytes };
}
