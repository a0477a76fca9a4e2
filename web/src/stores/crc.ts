/** CRC-32 as in Ethernet, gzip and PNG (ISO 3309). */
export const CRC32 = 0xedb88320;
/** CRC-32C (RFC 3720). */
export const CRC32C = 0x82f63b78;

const tables = /* @__PURE__ */ new Map<number, Uint32Array>();

function tableOf(polynomial: number): Uint32Array {
  let table = tables.get(polynomial);
  if (!table) {
    table = new Uint32Array(256).map((_, byte) => {
      for (let bit = 0; bit < 8; bit++) byte = (byte >>> 1) ^ (byte & 1 ? polynomial : 0);
      return byte;
    });
    tables.set(polynomial, table);
  }
  return table;
}

/** The check of the bytes from `from` on. */
export function crc(polynomial: number, bytes: Uint8Array, from = 0): number {
  const table = tableOf(polynomial);
  let sum = -1;
  for (let at = from; at < bytes.length; at++) sum = (sum >>> 8) ^ table[(sum ^ bytes[at]!) & 0xff]!;
  return ~sum >>> 0;
}
