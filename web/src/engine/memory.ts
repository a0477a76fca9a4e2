import { Status } from "./abi.js";

// U+FEFF at the start of a string is a character like any other (5.0 §1.5.4).
const decoder = /* @__PURE__ */ new TextDecoder("utf-8", { ignoreBOM: true });

/** Text from bytes that the core has checked. */
export function decodeText(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/**
 * The memory of one instance of the core: the only place where views of it are made.
 *
 * When memory grows, the old views have length 0 and what is written to them vanishes without an error. So nobody keeps a
 * view: `bytes` and `words` are read anew after each call that may allocate.
 */
export class Memory {
  bytes!: Uint8Array<ArrayBuffer>;
  words!: Uint32Array<ArrayBuffer>;
  #doubles!: Float64Array<ArrayBuffer>;
  #status = 0;

  constructor(private readonly memory: WebAssembly.Memory) {
    this.renew();
  }

  /** Makes the views again; called by the import that tells of growth. */
  renew(): void {
    const buffer = this.memory.buffer as ArrayBuffer;
    this.bytes = new Uint8Array(buffer);
    this.words = new Uint32Array(buffer);
    this.#doubles = new Float64Array(buffer);
  }

  /** Where the status block of the session is; it never moves. */
  set statusAt(address: number) {
    this.#status = address >>> 2;
  }

  status(field: Status): number {
    return this.words[this.#status + field]!;
  }

  /** A 64-bit field of the status block, by its index among such. */
  statusDouble(index: number): number {
    return this.#doubles[(this.#status >>> 1) + index]!;
  }

  view(at: number, length: number): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(at, at + length);
  }

  copy(at: number, length: number): Uint8Array<ArrayBuffer> {
    return this.bytes.slice(at, at + length);
  }

  text(at: number, length: number): string {
    return decodeText(this.view(at, length));
  }
}
