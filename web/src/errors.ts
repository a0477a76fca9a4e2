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
  closeCode?: number | undefined;
  /** What is known beyond the meaning of the code, for the message. */
  detail?: string | undefined;
  cause?: unknown;
}

// Trying the same thing again may help …
const RETRIABLE = /TIMEOUT|LOST|DISCONNECTED|FULL|EXHAUSTED|DROPPED|NETWORK/;
// … unless the server has said why not: unspecified, implementation, unavailable, busy, receive maximum, rates, quota.
const RETRIABLE_REASONS = [0x80, 0x83, 0x88, 0x89, 0x8b, 0x93, 0x96, 0x97, 0x9f, 0xa0];

const errors = () => ERRORS.split("|");

/** The code of an error that the core names by its number. */
export function errorCode(number: number): ErrorCode {
  return errors()[number]!.split("=")[0] as ErrorCode;
}

/** What is wrong with a packet, by the number of the core's fault. */
export function faultText(fault: number): string | undefined {
  return fault > 0 ? FAULTS.split("|")[fault] : undefined;
}

/** The name that 5.0 §2.4 gives to a reason code: `Not authorized (0x87)`. */
function reasonText(code: number): string {
  return `${REFUSALS.split("|")[code - 0x80] ?? "reason code"} (0x${code.toString(16).toUpperCase().padStart(2, "0")})`;
}

/** The only error that the client rejects with; mistakes in arguments are `TypeError` and `RangeError`. */
export class MqttError extends Error {
  /** What happened, for programs. */
  readonly code: ErrorCode;
  /** What was under way. */
  readonly phase: Phase;
  /** The server's reason code (5.0 §2.4; of 3.1.1 the return code in CONNACK or SUBACK), where it gave one. */
  readonly reasonCode: number | undefined;
  /** The server's explanation (5.0 Reason String), where it gave one. */
  readonly reasonString: string | undefined;
  /** The close code of the WebSocket (RFC 6455 §7.4), where that was closed. */
  readonly closeCode: number | undefined;
  /** Whether the same call may succeed later, with nothing changed. */
  readonly retriable: boolean;

  /** @internal */
  constructor(code: ErrorCode, phase: Phase, details: ErrorDetails = {}) {
    const { reasonCode, reasonString, closeCode, detail, cause } = details;
    const meaning = errors().find((row) => row.startsWith(`${code}=`))!.slice(code.length + 1);
    const closing = closeCode && `WebSocket close code ${closeCode}`;
    super([meaning, reasonCode && reasonText(reasonCode), detail, reasonString, closing].filter(Boolean).join(": "), { cause });
    this.name = "MqttError";
    this.code = code;
    this.phase = phase;
    this.reasonCode = reasonCode;
    this.reasonString = reasonString;
    this.closeCode = closeCode;
    this.retriable = reasonCode && reasonCode >= 0x80 ? RETRIABLE_REASONS.includes(reasonCode) : RETRIABLE.test(code);
  }
}
