import { MqttError, type ErrorCode } from "./errors.js";
import { redact, redactCause } from "./options.js";
import { inNode } from "./platform.js";

/** Whether this is the build for Node, which may load the package `ws`. */
declare const TARTA_NODE: boolean;

/** A WHATWG-shaped constructor: that of the platform, of `ws`, or one that behaves alike. */
export type WebSocketConstructor = new (url: string, protocols?: string[]) => WebSocketLike;

/** What the client needs of a WebSocket. */
export interface WebSocketLike {
  binaryType: string;
  readonly readyState: number;
  readonly protocol: string;
  readonly bufferedAmount: number;
  send(data: Uint8Array<ArrayBuffer>): void;
  close(code?: number): void;
  onopen: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  /** `ws` alone. */
  on?(type: "message", listener: (data: Uint8Array<ArrayBuffer>, isBinary: boolean) => void): void;
  /** `ws` alone. */
  terminate?(): void;
}

/** What a transport tells. */
export interface TransportEvents {
  opened(): void;
  received(bytes: Uint8Array<ArrayBuffer>): void;
  /** A text message has come: MQTT is binary (5.0 §6.0). */
  textReceived(): void;
  /** It could not be opened. */
  failed(error: MqttError): void;
  /** It was open, and is not any more; though nobody here has closed it. */
  closed(code: number): void;
}

const OPEN = 1; // states and close codes: WHATWG WebSockets, RFC 6455 §7.4.1
const CLOSED = 3;
const NORMAL = 1000;
const PATIENCE = 2000; // ms for the server to answer a close

/**
 * Whether somebody between us and the server might take what we send for something else. Masks keep messages from being read
 * as HTTP by proxies (RFC 6455 §10.3); through TLS, and on one machine, there is nobody to read them.
 */
export function needsMask(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol !== "wss:" && !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}

/** The constructor to use. @throws MqttError `UNSUPPORTED` */
export async function findWebSocket(): Promise<WebSocketConstructor> {
  const { WebSocket } = globalThis as { WebSocket?: unknown };
  if (WebSocket) return WebSocket as WebSocketConstructor;
  try {
    if (TARTA_NODE) {
      const { WebSocket: Base } = await import("ws");
      return class extends Base {
        constructor(url: string, protocols: string[]) {
          // A mask of zeros, which `ws` leaves out: masking byte by byte costs more than all else that sends.
          super(url, protocols, needsMask(url) ? {} : { generateMask: () => {} });
        }
      } as unknown as WebSocketConstructor;
    }
  } catch {}
  throw new MqttError("UNSUPPORTED", "open", { detail: "there is no WebSocket; Node before 22 needs the package ws" });
}

/** Node's way makes no zeros before it copies. */
const copyOf = (bytes: Uint8Array<ArrayBuffer>) => (TARTA_NODE && globalThis.Buffer ? Buffer.from(bytes) : bytes.slice()) as Uint8Array<ArrayBuffer>;

/** A WebSocket that carries MQTT. */
export class Transport {
  readonly #socket: WebSocketLike;
  readonly #events: TransportEvents;
  readonly #copies: boolean;
  readonly #timer: ReturnType<typeof setTimeout>;
  #problem: MqttError | undefined;
  #open = false;
  #silent = false; // nothing more is told
  #closed: (() => void) | undefined;

  /**
   * Begins to open it.
   *
   * @param given the application's constructor, where it has given one
   * @param timeout ms, 0 for none
   * @throws what the constructor throws, as for `ws:` in a page of `https:`
   */
  constructor(
    constructor: WebSocketConstructor, given: boolean, url: string, protocols: readonly string[], timeout: number, events: TransportEvents,
  ) {
    const socket = (this.#socket = new constructor(url, [...protocols]));
    this.#events = events;
    // Only a browser's own WebSocket is known to copy what send() is given before it returns.
    this.#copies = given || inNode();
    this.#timer = setTimeout(() => this.#fail("CONNECT_TIMEOUT", "the WebSocket did not open"), timeout || 2 ** 31 - 1);

    socket.onopen = () => {
      if (protocols.length > 0 && !protocols.includes(socket.protocol)) {
        return this.#fail("NOT_MQTT", `it selected the subprotocol "${socket.protocol}"`);
      }
      clearTimeout(this.#timer);
      this.#open = true;
      if (!this.#silent) events.opened();
    };
    socket.onerror = ({ error, message }: { error?: Error & { code?: string }; message?: string }) => {
      // Only `ws` tells an answer that is no WebSocket handshake from a line that was never there.
      const isAnswer = error && /^(HPE_|WS_ERR_|undefined)/.test(String(error.code));
      const detail = redact(message || "the platform does not say why"); // a WebSocket of the application's may tell its URL
      this.#problem = new MqttError(isAnswer ? "NOT_MQTT" : "NETWORK_ERROR", "open", { detail, cause: redactCause(error) });
    };
    socket.onclose = ({ code }: { code: number }) => {
      this.#closed?.();
      if (!this.#open) this.#fail("NETWORK_ERROR", `WebSocket close code ${code}`);
      else if (!this.#silent) events.closed(code);
      this.#silent = true;
    };
    if (socket.on) {
      // Messages of `ws` as Node's buffers: as ArrayBuffers each would be copied.
      socket.binaryType = "nodebuffer";
      socket.on("message", (data, isBinary) => this.#receive(isBinary && data));
    } else {
      socket.binaryType = "arraybuffer";
      socket.onmessage = ({ data }) => this.#receive(typeof data !== "string" && new Uint8Array(data as ArrayBuffer));
    }
  }

  #receive(bytes: Uint8Array<ArrayBuffer> | false): void {
    if (this.#silent) return;
    if (!bytes) this.#events.textReceived();
    else if (bytes.length > 0) this.#events.received(bytes);
  }

  #fail(code: ErrorCode, detail: string): void {
    if (this.#silent) return;
    this.#drop();
    this.#events.failed(this.#problem ?? new MqttError(code, "open", { detail }));
  }

  /** Sends one WebSocket message; `bytes` may be overwritten when this has returned. */
  send(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#socket.readyState === OPEN) this.#socket.send(this.#copies ? copyOf(bytes) : bytes);
  }

  /** Whether it was open, and is not any more. */
  get closing(): boolean {
    return this.#open && this.#socket.readyState !== OPEN;
  }

  /** Bytes that were given to send() and have not left. */
  get backlog(): number {
    return this.#socket.bufferedAmount;
  }

  #drop(): void {
    this.#silent = true;
    clearTimeout(this.#timer);
    if (this.#socket.terminate) this.#socket.terminate();
    else this.#socket.close();
  }

  /** Closes the WebSocket; nothing more is told of it. Resolves when it is closed, or dropped as the server does not answer. */
  close(): Promise<void> {
    if (!this.#open) this.#drop();
    this.#silent = true;
    return new Promise((resolve) => {
      if (!this.#open || this.#socket.readyState === CLOSED) return resolve();
      const timer = setTimeout(() => {
        this.#drop();
        resolve();
      }, PATIENCE);
      this.#closed = () => {
        clearTimeout(timer);
        resolve();
      };
      this.#socket.close(NORMAL);
    });
  }
}
