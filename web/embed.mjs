// Writes the module as text for the bundle; web/src/engine/loader.ts reads it.
//
// Compressed for transport, base64 is a third larger than the module: the same bytes look different at every third place.
// Here each byte always looks the same, so that text compresses as well as the module itself (2 % more). The digits are the
// 91 characters from # to ~ without the backslash, which need no escape in any string and any character set. The lower 89
// byte values, by far the most frequent, are one digit; the others are two, of which the first is 89 or 90.

const BASE = 91;
const SINGLE = 89;

const character = (digit) => String.fromCharCode(digit + (digit < 92 - 35 ? 35 : 36));

/** @param {Uint8Array} bytes */
export function embed(bytes) {
  let text = "";
  for (const byte of bytes) {
    if (byte < SINGLE) text += character(byte);
    else text += character(SINGLE + Math.floor((byte - SINGLE) / BASE)) + character((byte - SINGLE) % BASE);
  }
  // A page may have the bundle inline.
  if (/<\/script|<!--/i.test(text)) throw new Error("the module as text would end a script element");
  return text;
}
