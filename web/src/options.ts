import type { WasmSource } from "./engine/loader.js";
import { MqttError } from "./errors.js";
import { BytesOption, NumberOption } from "./generated/options.js";
import { Packet, type ConnectProperties, type WillProperties } from "./generated/properties.js";
import type { QoS } from "./message.js";
import { inPage } from "./platform.js";
import { asBytes, checkInteger, encodeProperties } from "./properties.js";
import type { Handler } from "./subscription.js";
import { encodeText } from "./text.js";
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
  properties?: WillProperties;
}

/** Enhanced authentication (5.0 §4.12). */
export interface Authentication {
  method: string;
  /** The data of CONNECT. */
  data?: string | ArrayBufferLike | ArrayBufferView;
  /** Answers the server's data, at each step. */
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
  /** Default 10,000. */
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
  /** `state`, `open`, `close`, `error`. */
  event: string;
  /** Milliseconds since 1970. */
  time: number;
  [detail: string]: unknown;
}

/** Options of a client. */
export interface ConnectOptions {
  /** Default: 23 random characters. An Assigned Client Identifier of the server replaces it. */
  clientId?: string;
  /** 5; 4 (3.1.1); 3 (3.1); or `"auto"`, the default: 5.0, then 3.1.1 where the server does not speak it. */
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
  /** Where the module is; `tarta/slim` alone needs it. */
  wasm?: WasmSource;
}

/** Options, checked, as the client uses them. */
export interface Settings {
  urls: readonly UrlFunction[];
  clientId: string;
  protocols: readonly string[];
  reconnect: Required<Reconnect> | undefined;
  connectTimeout: number;
  /** What the core is told before its first connection. */
  numbers: [NumberOption, number][];
  bytes: [BytesOption, Uint8Array][];
}

const ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/** 23 characters, which every server accepts (5.0 §3.1.3.1). */
export function randomName(): string {
  const random = crypto.getRandomValues(new Uint32Array(23));
  return Array.from(random, (number) => ALPHABET[number % ALPHABET.length]).join("");
}

/** An absolute `ws:` or `wss:` URL; relative ones count from the page. @throws TypeError */
export function readUrl(url: string | URL): URL {
  const { location } = globalThis as { location?: { href?: string } };
  const read = new URL(url, location?.href);
  read.protocol = read.protocol.replace("http", "ws");
  if (read.protocol !== "ws:" && read.protocol !== "wss:") throw new TypeError(`"${read.protocol}" is no scheme of a WebSocket URL`);
  read.hash = "";
  return read;
}

/** Bytes of a text or binary value; a copy. @throws TypeError */
export function copyBytes(name: string, value: unknown): Uint8Array<ArrayBuffer> {
  const bytes = typeof value === "string" ? encodeText(value) : asBytes(value);
  if (!bytes) throw new TypeError(`${name} must be a string, an ArrayBuffer or a view of one, and not detached`);
  return new Uint8Array(bytes);
}

function oneOf<Value>(name: string, value: Value, allowed: readonly Value[]): number {
  const index = allowed.indexOf(value);
  if (index < 0) throw new TypeError(`${name} must be one of ${allowed.map((one) => JSON.stringify(one)).join(", ")}`);
  return index;
}

/** @throws TypeError, RangeError; MqttError `UNSUPPORTED` for what this version cannot do */
export function readOptions(url: ServerUrl, options: ConnectOptions): Settings {
  for (const name of ["worker", "store"] as const) {
    if ((options as Record<string, unknown>)[name]) {
      throw new MqttError("UNSUPPORTED", "open", { detail: `the option ${name} is not there yet` });
    }
  }
  const urls = typeof url === "function" ? [url] : [url].flat().map(readUrl).map((one) => () => one);
  if (urls.length === 0) throw new TypeError("at least one URL is needed");
  const clientId = options.clientId ?? randomName();
  const { connectTimeout = 10_000, reconnect = {}, queue = {}, protocols = "mqtt" } = options;
  const settings: Settings = {
    urls,
    clientId,
    protocols: [protocols].flat(),
    reconnect: reconnect === false ? undefined : readReconnect(reconnect === true ? {} : reconnect),
    connectTimeout,
    numbers: [],
    bytes: [[BytesOption.clientId, copyBytes("clientId", clientId)]],
  };

  const number = (option: NumberOption, name: string, value: number | null | undefined, most = 0xffffffff, least = 0) => {
    if (value !== undefined && value !== null) settings.numbers.push([option, checkInteger(name, value, least, most)]);
  };
  const choice = <Value>(option: NumberOption, name: string, value: Value | undefined, allowed: readonly Value[]) => {
    if (value !== undefined) settings.numbers.push([option, oneOf(name, value, allowed)]);
  };
  // What CONNECT says by an option may also be given by its property.
  const { sessionExpiryInterval, receiveMaximum, maximumPacketSize, topicAliasMaximum, ...further } = options.properties ?? {};
  const version = options.version ?? "auto";
  oneOf("version", version, ["auto", 5, 4, 3]);
  number(NumberOption.version, "version", version === "auto" ? 0 : version);
  choice(NumberOption.cleanStart, "clean", options.clean, [false, true]);
  number(NumberOption.keepalive, "keepalive", options.keepalive, 0xffff);
  number(NumberOption.pingEarly, "", inPage() ? 1 : 0);
  number(NumberOption.sessionExpiryInterval, "sessionExpiryInterval", options.sessionExpiryInterval ?? sessionExpiryInterval);
  number(NumberOption.receiveMaximum, "receiveMaximum", options.receiveMaximum ?? receiveMaximum, 0xffff, 1);
  number(NumberOption.maximumPacketSize, "maximumPacketSize", options.maximumPacketSize ?? maximumPacketSize, 0xffffffff, 1);
  number(NumberOption.topicAliasMaximum, "topicAliasMaximum", options.topicAliasMaximum ?? topicAliasMaximum, 0xffff);
  number(NumberOption.connectTimeout, "connectTimeout", connectTimeout);
  number(NumberOption.ackTimeout, "ackTimeout", options.ackTimeout);
  number(NumberOption.queueMaxMessages, "queue.maxMessages", queue.maxMessages);
  number(NumberOption.queueMaxBytes, "queue.maxBytes", queue.maxBytes);
  choice(NumberOption.queueOverflow, "queue.overflow", queue.overflow, ["reject", "drop-oldest", "drop-qos0"]);
  choice(NumberOption.brokerSession, "brokerSession", options.brokerSession, ["refuse", "accept", "restart"]);
  choice(NumberOption.onSessionLost, "onSessionLost", options.onSessionLost, ["resend-qos1", "reject", "resend"]);

  if (further.authenticationMethod !== undefined || further.authenticationData !== undefined) {
    throw new TypeError("authenticationMethod and authenticationData are given as the option authentication");
  }
  settings.bytes.push([BytesOption.connectProperties, encodeProperties(further, Packet.CONNECT)]);
  const { authentication, will } = options;
  if (authentication) {
    settings.bytes.push([BytesOption.authenticationMethod, copyBytes("authentication.method", authentication.method)]);
    if (authentication.data !== undefined) {
      settings.bytes.push([BytesOption.authenticationData, copyBytes("authentication.data", authentication.data)]);
    }
  }
  if (will) {
    const properties = { ...will.properties };
    if (will.delayInterval !== undefined) properties.willDelayInterval = will.delayInterval;
    if (will.expiry !== undefined) properties.messageExpiryInterval = will.expiry;
    if (/^$|[+#\0]/.test(will.topic)) throw new TypeError("will.topic is no valid topic name"); // 5.0 §4.7
    number(NumberOption.willQos, "will.qos", will.qos, 2);
    choice(NumberOption.willRetain, "will.retain", will.retain, [false, true]);
    settings.bytes.push(
      [BytesOption.willTopic, copyBytes("will.topic", will.topic)],
      [BytesOption.willPayload, copyBytes("will.payload", will.payload ?? "")],
      [BytesOption.willProperties, encodeProperties(properties, Packet.WILL)],
    );
  }
  return settings;
}

function readReconnect({ min = 250, max = 30_000, factor = 2, initial = false }: Reconnect): Required<Reconnect> {
  checkInteger("reconnect.min", min, 0, 2 ** 31 - 1);
  checkInteger("reconnect.max", max, min, 2 ** 31 - 1);
  if (!(factor >= 1)) throw new RangeError("reconnect.factor must be at least 1");
  return { min, max, factor, initial };
}
