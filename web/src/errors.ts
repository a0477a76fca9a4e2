import { ERRORS, type ErrorCode } from "./generated/errors.js";
import { FAULTS } from "./generated/faults.js";
import { REFUSALS } from "./generated/reasons.js";

export type { ErrorCode };

/** What was under way when something failed. */
export type Phase = "open" | "connect" | "session" | "publish" | "subscribe" | "unsubscribe" | "close";

/** @internal */
export interface ErrorDetails {
  reasonCode?: number | undefined;
  reasonString?: string | undefined;
  serverReference?: string | undefined;
  closeCode?: number | undefined;
  /** What is known beyond the meaning of the code, for the message. */
  detail?: string | undefined;
  cause?: unknown;
  stored?: boolean | undefined;
}

// Trying the same thing again may help …
const RETRIABLE = /TIMEOUT|LOST|DISCONNECTED|FULL|EXHAUSTED|DROPPED|NETWORK/;
// … unless the server has said why not: unspecified, implementation, unavailable, busy, receive maximum, rates, quota.
const RETRIABLE_REASONS = [0x80, 0x83, 0x88, 0x89, 0x8b, 0x93, 0x96, 0x97, 0x9f, 0xa0];

const errors = () => ERRORS.split("|");

/** The code of an error that the core names by its number. */
export function errorCode(number: number): ErrorCode {
  return errors()[number - 1]!.split("=")[0] as ErrorCode;
}

/** What is wrong with a packet, by the number of the core's fault. */
export function faultText(fault: number): string | undefined {
  return FAULTS.split("|")[fault];
}

/** The only error that the client rejects with; mistakes in arguments are `TypeError` and `RangeError`. */
export class MqttError extends Error {
  static {
    Object.defineProperty(MqttError, "name", { value: "MqttError" }); // whatever minifiers make of it
  }

  /** What happened, for programs. */
  declare readonly code: ErrorCode;
  /** What was under way. */
  declare readonly phase: Phase;
  /** The server's reason code (5.0 §2.4; what a CONNACK of 3.1.1 says, as 5.0 would), where it gave one. */
  declare readonly reasonCode: number | undefined;
  /** The server's explanation (5.0 Reason String), where it gave one. */
  declare readonly reasonString: string | undefined;
  /** Another server to use, where the server named one (5.0 §4.11); the option `redirect` follows it. */
  declare readonly serverReference: string | undefined;
  /** The close code of the WebSocket (RFC 6455 §7.4), where that was closed. */
  declare readonly closeCode: number | undefined;
  /** The message is in the store: the next client that has it will send it. */
  declare readonly stored: boolean;
  /** Whether the same call may succeed later, with nothing changed. */
  declare readonly retriable: boolean;

  /** @internal */
  constructor(code: ErrorCode, phase: Phase, details: ErrorDetails = {}) {
    const { reasonCode, reasonString, serverReference, closeCode, detail, cause, stored = false } = details;
    const hint = errors().find((row) => row.startsWith(`${code}=`))?.split("=")[1];
    const closing = closeCode && `WebSocket close code ${closeCode}`;
    const words = code.toLowerCase().replaceAll("_", " ").replace("mqtt", "MQTT");
    const name = REFUSALS.split("|")[(reasonCode ?? 0) - 0x80] ?? "reason code";
    // MALFORMED_PACKET and the like have said it already.
    const reason = reasonCode && name.toLowerCase() !== words && `${name} (0x${reasonCode.toString(16).padStart(2, "0")})`;
    super([phase, words, reason, detail, reasonString, closing, hint].filter(Boolean).join(": "), { cause });
    const retriable = reasonCode && reasonCode >= 0x80 ? RETRIABLE_REASONS.includes(reasonCode) : RETRIABLE.test(code);
    Object.assign(this, { name: "MqttError", code, phase, reasonCode, reasonString, serverReference, closeCode, stored, retriable });
  }
}

/** The error that the core names by its number; mistakes of the caller are of JavaScript's own types. */
export function coreError(number: number, phase: Phase, detail?: string): Error {
  const error = new MqttError(errorCode(number), phase, { detail });
  return error.code.startsWith("INVALID_") ? new TypeError(error.message) : error;
}
