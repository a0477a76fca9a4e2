// The processes of the benchmark. They are asked to end when `signal` is aborted.
import { execFile, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const run = promisify(execFile);
const PATIENCE = 120_000; // ms for a probe

const running = new Set();

/** Resolves when all processes have ended. */
export const ended = () => Promise.all([...running].map((child) => once(child, "exit")));

function watch(child) {
  running.add(child);
  child.once("exit", () => running.delete(child));
  return child;
}

/** Starts the server; resolves with its port. */
export async function startServer(signal) {
  const server = watch(fork(here("server.mjs"), { signal, stdio: ["ignore", "pipe", "inherit", "ipc"] }));
  server.on("error", () => {}); // that it was aborted
  const [port] = await once(server.stdout, "data");
  return { port: String(port).trim(), stop: () => server.disconnect() };
}

/** Runs `probes/NAME.mjs` in a fresh process; resolves with what it prints, as JSON. */
export async function probe(name, args, { signal, flags = [] }) {
  const figures = run(process.execPath, [...flags, here(`probes/${name}.mjs`), ...args.map(String)], { timeout: PATIENCE, signal });
  watch(figures.child);
  return JSON.parse((await figures).stdout);
}
