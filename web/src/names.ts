// Topic names and filters, for where the core is not at hand (5.0 §4.7).
import { MqttError, type ErrorCode, type Phase } from "./errors.js";
import { encodeText } from "./text.js";

const MOST = 0xffff; // bytes, 5.0 §1.5.4
/** In the options byte of SUBSCRIBE (5.0 §3.8.3.1). */
export const NO_LOCAL = 4;
const SHARED = /^\$share\/(?:[^+#\0/]+\/(?=.))?/s; // 5.0 §4.8.2

function check(code: ErrorCode, phase: Phase, name: string, valid: boolean): void {
  // encodeText() throws for a lone surrogate.
  if (!valid || encodeText(name).length > MOST) throw new TypeError(new MqttError(code, phase, { detail: `"${name}"` }).message);
}

/** @throws TypeError for what is no topic name */
export function checkTopicName(name: string): void {
  check("INVALID_TOPIC", "publish", name, /^[^+#\0]+$/.test(name));
}

/** `options` is the byte of SUBSCRIBE. @throws TypeError for what is no topic filter, or may not have these options */
export function checkTopicFilter(name: string, options = 0): void {
  const [share] = SHARED.exec(name) ?? [""];
  const levels = name.slice(share.length).split("/");
  const fits = (level: string, index: number) => (level === "#" ? index === levels.length - 1 : level === "+" || !/[+#\0]/.test(level));
  check("INVALID_FILTER", "subscribe", name, name !== "" && share !== "$share/" && levels.every(fits));
  check("INVALID_ARGUMENT", "subscribe", name, share === "" || (options & NO_LOCAL) === 0); // 5.0 §3.8.3.1
}

/** Does a filter, one that is valid, match a topic name? (5.0 §4.7) */
export function matchesTopic(filter: string, topic: string): boolean {
  const levels = topic.split("/");
  const wanted = filter.replace(SHARED, "").split("/");
  if (topic.startsWith("$") && /^[+#]/.test(wanted[0]!)) return false;
  const fits = (level: string, index: number) => level === "#" || level === "+" || level === levels[index];
  return wanted.every(fits) && (wanted.at(-1) === "#" ? levels.length >= wanted.length - 1 : levels.length === wanted.length);
}
