// Starts the Worker that a client is to live in, or joins one.
import type { BackendOwner, WorkerForm } from "../backend.js";
import type { WasmSource } from "../engine/loader.js";
import { MqttError } from "../errors.js";
import { NumberOption, BytesOption } from "../generated/options.js";
import { randomName, readCredentials, type ConnectOptions, type Settings } from "../options.js";
import { toBytes } from "../properties.js";
import { awaitLock, holdLock } from "../locks.js";
import { fromClone, PROTOCOL, type Greeting, type Setup, type Welcome } from "./protocol.js";
import { RemoteSession, type Home } from "./remote.js";

// Put in by the build: the function whose body this bundle is, the module as text, and where the bundle came from. That the
// text of the function is the script of a Worker saves a second copy of it.
declare const TARTA_MAIN: (...parts: unknown[]) => unknown;
declare const TARTA_WASM: string;
declare const TARTA_URL: string | undefined;

const PATIENCE = 10_000; // ms for a Worker to answer
const MODULE = { type: "module", name: "tarta" } as const;

/**
 * The session in a Worker; undefined if the option leaves it to us and none can be started here.
 *
 * @throws MqttError `UNSUPPORTED` if the application's cannot be started, `OPTIONS_CONFLICT`
 */
export async function startWorker(settings: Settings, options: ConnectOptions, owner: BackendOwner): Promise<RemoteSession | undefined> {
  const { worker } = options;
  const setup = describe(settings, options);
  const live = async (form: WorkerForm, start: () => Worker | SharedWorker, ours = true) =>
    new RemoteSession(await join(form, start, setup, ours), settings, options, owner);

  const { shared } = worker as { shared?: string | URL };
  if (shared !== undefined) {
    if ("SharedWorker" in globalThis) return live("shared", () => new SharedWorker(shared, MODULE));
    // Tabs with one client identifier would take over each other's session (5.0 §3.1.4).
    if (options.clientId !== undefined) throw new MqttError("UNSUPPORTED", "open", { detail: "there is no SharedWorker, and tabs must not have the same clientId" });
    return live("given", () => new Worker(shared, MODULE));
  }
  if (typeof worker === "object" && "postMessage" in worker) return live("given", () => worker, false);
  if (worker !== true && worker !== "dedicated") return live("given", () => new Worker(worker as string | URL, MODULE));
  for (const [form, start] of [["sibling", startSibling], ["blob", startBlob]] as const) {
    try {
      if (form === "blob") setup.wasm = await postable(options.wasm);
      return await live(form, start);
    } catch (error) {
      if ((error as MqttError).code !== "UNSUPPORTED") throw error;
    }
  }
  return undefined;
}

function startSibling(): Worker {
  return new Worker(new URL("worker.mjs", TARTA_URL), MODULE);
}

function startBlob(): Worker {
  const text = `(${TARTA_MAIN})(null,${JSON.stringify(TARTA_WASM)}).serve(self)`;
  const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  try {
    return new Worker(url);
  } finally {
    setTimeout(() => URL.revokeObjectURL(url), PATIENCE);
  }
}

/** Greets a Worker, and waits for its answer. */
async function join(form: WorkerForm, start: () => Worker | SharedWorker, setup: Setup, ours: boolean): Promise<Home> {
  const id = `tarta:${randomName()}`;
  const locks = { worker: `${id}:worker`, page: `${id}:page` };
  const unlock = await holdLock(locks.page);
  let worker: Worker | SharedWorker | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let failed: (event: Event) => void = () => {};
  const { port1: port, port2 } = new MessageChannel();
  const release = () => {
    unlock();
    port.close();
    if (ours && worker && "terminate" in worker) worker.terminate();
  };
  try {
    const welcome = await new Promise<Welcome>((resolve, reject) => {
      failed = (event) => {
        event.preventDefault();
        reject(new Error((event as ErrorEvent).message || "its script could not be loaded"));
      };
      worker = start();
      worker.addEventListener("error", failed);
      port.onmessage = ({ data }: MessageEvent<Welcome>) => resolve(data);
      timer = setTimeout(() => reject(new Error("it does not answer; it must run tarta/worker")), PATIENCE);
      const greeting: Greeting = { tarta: PROTOCOL, setup, locks };
      const target = "port" in worker ? worker.port : worker;
      target.postMessage(greeting, [port2]);
    });
    if ("refused" in welcome) throw fromClone(welcome.refused) as Error;
  } catch (cause) {
    release();
    if (cause instanceof MqttError) throw cause;
    throw new MqttError("UNSUPPORTED", "open", { detail: `the Worker could not be started: ${String(cause)}`, cause });
  } finally {
    clearTimeout(timer);
    worker?.removeEventListener("error", failed);
  }
  return { port, form, gone: awaitLock(locks.worker), release };
}

/** The client, as it can be posted. */
function describe(settings: Settings, { clientId, credentials, authentication, log, store }: ConnectOptions): Setup {
  const { urls: _urls, ...others } = settings;
  // Timers of a Worker are not slowed down.
  others.numbers = settings.numbers.map(([name, option, value]) => [name, option, option === NumberOption.pingEarly ? 0 : value]);
  others.numbers.sort(([, one], [, other]) => one - other); // however they were written
  const asked = typeof credentials === "function" ? "ask" : readCredentials(credentials);
  const answers = authentication && { method: authentication.method, data: authentication.data, next: authentication.next !== undefined };
  const bytes = settings.bytes.filter(([option]) => clientId !== undefined || option !== BytesOption.clientId).map(([option, value]) => [option, ...value]);
  const { clientId: _clientId, ...common } = others;
  // Binary as numbers, so that JSON tells one from another. The data of `authentication` are among the bytes.
  const secrets = typeof asked === "object" ? [asked.username, asked.password !== undefined && [...toBytes("password", asked.password)]] : asked;
  const kept = store?.description;
  const signature = JSON.stringify([{ ...common, bytes }, secrets, answers?.method, answers?.next, kept]);
  return { settings: others, credentials: asked, authentication: answers, log: log !== undefined, store: kept, wasm: undefined, signature } as Setup;
}

/** The module for `tarta/slim`: a Worker has another base for URLs, and responses cannot be posted. */
async function postable(wasm: WasmSource | undefined): Promise<Setup["wasm"]> {
  if (typeof wasm === "string" || wasm instanceof URL) return new URL(wasm, globalThis.location?.href).href;
  if (wasm === undefined || wasm instanceof WebAssembly.Module) return wasm;
  return WebAssembly.compile(await (await wasm).arrayBuffer());
}
