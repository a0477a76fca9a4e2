import { ERRORS, type ErrorCode } from "./generated/errors.js";
import { FAULTS } from "./generated/faults.js";
import { REFUSALS } from "./generated/reasons.js";

export type { ErrorCode };

/** What was under way when something failed. */
export type Phase = "open" | "connect" | "session" | "publish" | "subscribe" | "unsubscribe" | "close";

/** @internal */
export interface ErrorDetails {
  phase: Phase;
  reasonCode?: number | undefined;
  reasonString?: string | undefined;
  closeCode?: number | undefined;
  /** What is known beyond the meaning of the code, for the message. */
  detail?: string | undefined;
  cause?: unknown;
}

// Trying the same thing again may help.
const RETRIABLE = new Set<ErrorCode>([
  "CONNECT_TIMEOUT", "KEEPALIVE_TIMEOUT", "ACK_TIMEOUT", "CONNECTION_LOST", "SERVER_DISCONNECTED", "SESSION_LOST",
  "QUEUE_FULL", "PACKET_IDENTIFIERS_EXHAUSTED", "DROPPED", "NETWORK_ERROR", "TIMEOUT",
]);
// Server unavailable, busy or shutting down; message or connection rate, quota, receive maximum; unspecified (5.0 §2.4).
const RETRIABLE_REASONS = new Set([0x80, 0x83, 0x88, 0x89, 0x8b, 0x93, 0x96, 0x97, 0x9f, 0xa0]);

/** The name that 5.0 §2.4 gives to a reason code, for people: `Not authorized (0x87)`. */
export function reasonText(code: number): string {
  const number = `0x${code.toString(16).toUpperCase().padStart(2, "0")}`;
  const name = REFUSALS[code - 0x80];
  return name ? `${name} (${number})` : `reason code ${number}`;
}

/** What is wrong with a packet, by the number of the core's fault: in words, with the section of 5.0. */
export function faultText(fault: number): string | undefined {
  const [text, section] = FAULTS[fault] ?? [];
  return fault > 0 && text ? `${text} (5.0 §${section})` : undefined;
}

/** The code of an error that the core names by its number. */
export function errorCode(number: number): ErrorCode {
  const code = ERRORS[number]?.[0];
  return code === undefined || code === "NONE" ? "UNSUPPORTED" : code;
}

/** The only error that the client rejects with; mistakes in arguments are `TypeError` and `RangeError`. */
export class MqttError extends Error {
  /** What happened, for programs. */
  readonly code: ErrorCode;
  /** What was under way. */
  readonly phase: Phase;
  /** The server's reason code (5.0 §2.4; of 3.1.1 the return code in CONNACK or SUBACK), where it gave one. */
  readonly reasonCode?: number;
  /** The server's explanation (5.0 Reason String), where it gave one. */
  readonly reasonString?: string;
  /** The close code of the WebSocket (RFC 6455 §7.4), where that was closed. */
  readonly closeCode?: number;
  /** Whether the same call may succeed later, with nothing changed. */
  readonly retriable: boolean;

  /** @internal */
  constructor(code: ErrorCode, details: ErrorDetails) {
    const { phase, reasonCode, reasonString, closeCode, detail, cause } = details;
    const parts = [ERRORS.find((row) => row[0] === code)![1]];
    if (reasonCode !== undefined && reasonCode > 0) parts.push(reasonText(reasonCode));
    if (detail) parts.push(detail);
    if (reasonString) parts.push(reasonString);
    if (closeCode !== undefined) parts.push(`WebSocket close code ${closeCode}`);
    super(parts.join(": "), cause === undefined ? undefined : { cause });
    this.name = "MqttError";
    this.code = code;
    this.phase = phase;
    if (reasonCode !== undefined) this.reasonCode = reasonCode;
    if (reasonString !== undefined) this.reasonString = reasonString;
    if (closeCode !== undefined) this.closeCode = closeCode;
    this.retriable = reasonCode === undefined || reasonCode < 0x80 ? RETRIABLE.has(code) : RETRIABLE_REASONS.has(reasonCode);
  }
}
