const encoder = /* @__PURE__ */ new TextEncoder();
const LONE_SURROGATE = /\p{Surrogate}/u;
// Beyond this many characters encodeInto is faster than a loop.
const SHORT = 64;

let room = new Uint8Array(0);

/**
 * The UTF-8 bytes of a text. They lie in a buffer that all calls share: they are good until the next call.
 *
 * @throws TypeError for a lone surrogate, which has no UTF-8 form (5.0 §1.5.4)
 */
export function encodeText(text: string): Uint8Array<ArrayBuffer> {
  const length = text.length;
  if (room.length < length * 3) room = new Uint8Array(Math.max(length * 3, 1024));
  const bytes = room;
  if (length <= SHORT) {
    let at = 0;
    for (; at < length; at++) {
      const code = text.charCodeAt(at);
      if (code > 0x7f) break;
      bytes[at] = code;
    }
    if (at === length) return bytes.subarray(0, length);
  }
  if (LONE_SURROGATE.test(text)) throw new TypeError("a string with a lone surrogate cannot be sent");
  return bytes.subarray(0, encoder.encodeInto(text, bytes).written);
}
