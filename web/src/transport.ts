import { MqttError } from "./errors.js";
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

/** How to open a WebSocket. */
export interface TransportOptions {
  protocols: readonly string[];
  WebSocket: WebSocketConstructor | undefined;
  /** ms until the WebSocket must be open. */
  timeout: number;
  signal: AbortSignal;
  /** Is called as soon as the WebSocket is open: its first message may be on the heels of that. */
  opened(transport: Transport): void;
}

const OPEN = 1;
const NORMAL = 1000; // close codes: RFC 6455 §7.4.1
const UNACCEPTABLE_DATA = 1003;
const PATIENCE = 2000; // ms for the server to answer a close

/** An open WebSocket that carries MQTT. */
export class Transport {
  onmessage: (bytes: Uint8Array<ArrayBuffer>) => void = () => {};
  /** The WebSocket is closed, though nobody here has asked for it; `text`: as the server sent a text message. */
  onclose: (code: number, text: boolean) => void = () => {};

  readonly #socket: WebSocketLike;
  readonly #copies: boolean;
  #closing = false;
  #closed: (() => void) | undefined;

  private constructor(socket: WebSocketLike, native: boolean) {
    this.#socket = socket;
    this.#copies = !native;
    if (socket.on) {
      // Messages of `ws` as Node's buffers: as ArrayBuffers each would be copied.
      socket.binaryType = "nodebuffer";
      socket.on("message", (data, isBinary) => this.#receive(isBinary ? data : undefined));
    } else {
      socket.binaryType = "arraybuffer";
      socket.onmessage = ({ data }) => this.#receive(typeof data === "string" ? undefined : new Uint8Array(data as ArrayBuffer));
    }
  }

  #receive(bytes: Uint8Array<ArrayBuffer> | undefined): void {
    if (this.#closing) return;
    if (bytes) {
      if (bytes.length > 0) this.onmessage(bytes);
    } else {
      this.#lost(UNACCEPTABLE_DATA, true); // MQTT comes in binary messages alone (5.0 §6.0)
      this.#socket.close(NORMAL);
    }
  }

  #lost(code: number, text = false): void {
    if (this.#closing) return;
    this.#closing = true;
    this.onclose(code, text);
  }

  /** Opens a WebSocket. @throws MqttError `NETWORK_ERROR`, `NOT_MQTT`, `CONNECT_TIMEOUT`, `CANCELLED`, `UNSUPPORTED` */
  static async open(url: string, options: TransportOptions): Promise<void> {
    const { protocols, timeout, signal } = options;
    const constructor = options.WebSocket ?? (await platformWebSocket());
    // Only a browser's own WebSocket is known to copy what send() is given before it returns.
    const native = !options.WebSocket && !inNode();
    const fail = (code: "NETWORK_ERROR" | "NOT_MQTT" | "CONNECT_TIMEOUT" | "CANCELLED", detail?: string, more = {}) =>
      new MqttError(code, { phase: "open", detail, ...more });

    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(fail("CANCELLED", undefined, { cause: signal.reason }));
      let socket: WebSocketLike;
      try {
        socket = new constructor(url, [...protocols]);
      } catch (cause) {
        return reject(fail("NETWORK_ERROR", (cause as Error).message, { cause })); // as for ws: in a page of https:
      }
      const transport = new Transport(socket, native);
      let problem: MqttError | undefined;
      let settled = false;
      const settle = (error?: MqttError) => {
        if (settled) return;
        settled = true;
        clearTimeout(timer);
        signal.removeEventListener("abort", abort);
        if (!error) {
          options.opened(transport);
          return resolve();
        }
        transport.#closing = true;
        drop(socket);
        reject(error);
      };
      const abort = () => settle(fail("CANCELLED", undefined, { cause: signal.reason }));
      const timer = setTimeout(() => settle(fail("CONNECT_TIMEOUT", "the WebSocket did not open")), timeout || 2 ** 31 - 1);
      signal.addEventListener("abort", abort);

      socket.onopen = () => {
        if (protocols.length === 0 || protocols.includes(socket.protocol)) return settle();
        settle(fail("NOT_MQTT", `it selected ${socket.protocol ? `the subprotocol "${socket.protocol}"` : "no subprotocol"}`));
      };
      socket.onerror = (event: { error?: Error & { code?: string }; message?: string }) => {
        const cause = event.error;
        const detail = event.message || cause?.message || "the platform does not tell why: is the server reachable, its certificate valid, the path right?";
        problem = fail(cause && isNoWebSocket(cause) ? "NOT_MQTT" : "NETWORK_ERROR", detail, { cause });
      };
      socket.onclose = ({ code }: { code: number }) => {
        settle(problem ?? fail("NETWORK_ERROR", undefined, { closeCode: code }));
        transport.#lost(code);
        transport.#closed?.();
      };
    });
  }

  /** Sends one WebSocket message; `bytes` may be overwritten when this has returned. */
  send(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#socket.readyState === OPEN) this.#socket.send(this.#copies ? bytes.slice() : bytes);
  }

  /** Bytes that were given to send() and have not left. */
  get backlog(): number {
    return this.#socket.bufferedAmount;
  }

  /** Closes the WebSocket; nothing more is told of it. Resolves when it is closed, or dropped as the server does not answer. */
  close(): Promise<void> {
    this.#closing = true;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        drop(this.#socket);
        resolve();
      }, PATIENCE);
      this.#closed = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.#socket.readyState > 2) return this.#closed();
      this.#socket.close(NORMAL);
    });
  }
}

function drop(socket: WebSocketLike): void {
  if (socket.terminate) socket.terminate();
  else socket.close();
}

/** Tells an answer that is no WebSocket handshake from a line that was never there; only `ws` lets us know. */
function isNoWebSocket({ code, message }: { code?: string; message: string }): boolean {
  return code === undefined ? /^(Unexpected server response|Server sent|Invalid)/.test(message) : /^(HPE_|WS_ERR_)/.test(code);
}

async function platformWebSocket(): Promise<WebSocketConstructor> {
  const { WebSocket } = globalThis as { WebSocket?: unknown };
  if (WebSocket) return WebSocket as WebSocketConstructor;
  try {
    if (TARTA_NODE) return (await import("ws")).WebSocket as unknown as WebSocketConstructor;
  } catch (cause) {
    throw new MqttError("UNSUPPORTED", { phase: "open", detail: 'Node before version 22 needs the package "ws"', cause });
  }
  throw new MqttError("UNSUPPORTED", { phase: "open", detail: "there is no WebSocket; give one as the option WebSocket" });
}
