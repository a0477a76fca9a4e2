// Brings the module of the core: compiled on first use, once for all clients; one instance for each client.
import { MqttError } from "../errors.js";
import type { CoreExports } from "./abi.js";
import { Memory } from "./memory.js";

/** Where the module comes from, where it is not inside the package: `tarta/slim`. */
export type WasmSource = string | URL | Response | Promise<Response> | WebAssembly.Module;

// Put in by the build: whether this is `tarta/slim`; and if not, the module in hexadecimal, at the end of the bundle.
// Compressed for transport that takes 7 % more than its bytes (as base64, where the same bytes look different at every third
// place, 29 %), and browsers of today read it in no time.
declare const TARTA_SLIM: boolean;
declare const TARTA_WASM: string;

/** One instance of the module. */
export interface Core {
  exports: CoreExports;
  memory: Memory;
}

let compiled: WebAssembly.Module | undefined;

/** The digits are read in place, and without calls: where the platform has no function for it, this runs once, uncompiled. */
function embeddedBytes(): Uint8Array<ArrayBuffer> {
  const { fromHex } = Uint8Array as { fromHex?: (digits: string) => Uint8Array<ArrayBuffer> };
  if (fromHex) return fromHex.call(Uint8Array, TARTA_WASM);
  const bytes = new TextEncoder().encode(TARTA_WASM);
  for (let at = 0; at < bytes.length; at += 2) {
    const high = bytes[at]!; // "0" is 0x30, "a" 0x61
    const low = bytes[at + 1]!;
    bytes[at >> 1] = (((high & 15) + (high >> 6) * 9) << 4) | ((low & 15) + (low >> 6) * 9);
  }
  return bytes.subarray(0, bytes.length / 2);
}

function instantiate(module: WebAssembly.Module): Core {
  let memory: Memory | undefined;
  const instance = new WebAssembly.Instance(module, {
    env: { emscripten_notify_memory_growth: () => memory?.renew() },
  });
  const exports = instance.exports as unknown as CoreExports;
  memory = new Memory(exports.memory);
  exports._initialize();
  return { exports, memory };
}

/** An instance at once, where the module is at hand or may be compiled synchronously; else undefined. */
export function loadNow(source?: WasmSource): Core | undefined {
  if (TARTA_SLIM) return source instanceof WebAssembly.Module ? instantiate(source) : undefined;
  try {
    return instantiate((compiled ??= new WebAssembly.Module(embeddedBytes())));
  } catch {
    return undefined; // some engines allow this only for small modules, or not on a page's main thread
  }
}

/** @throws MqttError `UNSUPPORTED` where the module cannot be had or compiled */
export async function load(source?: WasmSource): Promise<Core> {
  try {
    return loadNow(source) ?? instantiate((compiled = await WebAssembly.compile(TARTA_SLIM ? await fetchBytes(source) : embeddedBytes())));
  } catch (cause) {
    const detail = `WebAssembly did not start (a Content-Security-Policy must have 'wasm-unsafe-eval'): ${String(cause)}`;
    throw new MqttError("UNSUPPORTED", "open", { detail, cause });
  }
}

async function fetchBytes(source?: WasmSource): Promise<ArrayBuffer> {
  if (source === undefined || source instanceof WebAssembly.Module) throw new Error("the option wasm says where the module is");
  const response = await (typeof source === "string" || source instanceof URL ? fetch(source) : source);
  if (!response.ok) throw new Error(`HTTP status ${response.status}`);
  // Not compileStreaming: that fails where the server names another type than application/wasm.
  return response.arrayBuffer();
}
