// One figure of one client in Chromium at a time.
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { percentile } from "../figures.mjs";
import { batchOf, messages } from "../workloads.mjs";
import { startChromium } from "./chromium.mjs";
import { serveBenchPages } from "./pages.mjs";
import { WORKLOADS } from "./rows.mjs";

const path = (name) => fileURLToPath(new URL(name, import.meta.url));

/** A process of ours that ends with this one: its first word tells that it is ready. */
async function start(file) {
  const child = fork(path(file), { stdio: ["ignore", "pipe", "inherit", "ipc"] });
  const word = await new Promise((resolve, reject) => {
    child.stdout.once("data", (data) => resolve(String(data).trim()));
    child.once("message", resolve);
    child.once("exit", (code) => reject(new Error(`${file} has ended with ${code}`)));
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  return {
    word,
    stop() {
      child.kill();
      return ended;
    },
  };
}

/** What all measurements share: Chromium, the pages and the servers. @param port of ../server.mjs */
export async function openBench(port) {
  const parts = [];
  const stop = async () => {
    const ends = await Promise.allSettled(parts.map((part) => part.stop()));
    for (const { reason } of ends) if (reason) throw reason;
  };
  const keep = async (promise) => {
    const part = await promise;
    parts.push(part);
    return part;
  };
  try {
    const pages = await keep(serveBenchPages());
    const stream = await keep(start("stream.mjs"));
    const chromium = await keep(startChromium());
    return { pages: pages.url, server: `ws://127.0.0.1:${port}`, stream: `ws://127.0.0.1:${stream.word}`, chromium, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Does something with a fresh page in a process of its own. @param clock of scripts: count() of chromium.mjs */
export async function withPage(bench, name, action, clock) {
  const page = await bench.chromium.open();
  try {
    await page.count(clock);
    await page.go(`${bench.pages}/${name}.html`);
    return await action(page);
  } finally {
    await page.close();
  }
}

const call = (name, ...values) => `${name}(${values.map((value) => JSON.stringify(value)).join(", ")})`;

/** How many messages of a workload are measured. */
export function amountOf(name, { client }, scale) {
  const { count, slow } = WORKLOADS[name];
  const batch = batchOf(messages[name]);
  return Math.max(1, Math.round(((slow?.[client] ?? count) * scale) / batch)) * batch;
}

/** How many come before: scripts are compiled, tables have grown. */
function warmUp(name, count) {
  const batch = batchOf(messages[name]);
  return Math.ceil(count / 4 / batch) * batch;
}

/**
 * Has the client connected, subscribed and warm; then `action(run)`, where `run()` has `count` messages go.
 *
 * @throws Error where a message was lost or changed: nobody wins by leaving something out
 */
export function withClient(bench, { client, worker = false }, name, count, action, clock) {
  return withPage(bench, client, async (page) => {
    const warm = warmUp(name, count);
    await page.evaluate(call("prepare", `${bench.server}/${name}/${warm + count}`, name, { worker }));
    const run = async (amount) => {
      if (!(await page.evaluate(call("run", amount), 60_000))) throw new Error("the checksum is not that of the server");
    };
    await run(warm);
    return action(page, () => run(count));
  }, clock);
}

/** One contender in one workload, µs per message: CPU of the main thread, of the whole process, and script time. */
export const measureWorkload = (bench, one, name, count, clock) =>
  withClient(bench, one, name, count, async (page, run) => {
    const before = await page.costs();
    await run();
    const after = await page.costs();
    return Object.fromEntries(Object.keys(after).map((key) => [key, ((after[key] - before[key]) * 1e6) / count]));
  }, clock);

/** Script time by the thread's clock, µs per message. */
export async function measureScript(bench, one, name, count) {
  const { script } = await measureWorkload(bench, one, name, count, "threadTicks");
  return { script };
}

/** One contender at so many messages a second: delays and gaps between frames in ms, CPU of the main thread in s. */
export function measureStream(bench, { name, client, worker = false }, { rate: wanted, seconds }, timed) {
  const rate = name === "idle" ? 0 : wanted;
  return withPage(bench, client, async (page) => {
    await page.evaluate(call("prepareStream", `${bench.stream}/${rate}/${seconds}`, { worker, timed }));
    const before = await page.costs();
    const { delays, gaps, count } = await page.evaluate(call("stream", seconds));
    const after = await page.costs();
    // Two clocks of one machine; were they apart, a message would come before it was sent.
    if (timed && Math.min(...delays.slice(0, 100)) < -0.5) throw new Error("the clocks of the page and of the server differ");
    return {
      ...(timed ? { delay: percentile(delays, 0.99), half: percentile(delays, 0.5) } : {}),
      gap: percentile(gaps, 0.99),
      main: after.main - before.main,
      share: rate > 0 ? count / (rate * seconds) : 1,
    };
  });
}

/** From before a script is evaluated until its library can be used, ms. */
export const measureStart = (bench, script) =>
  withPage(bench, "start", async (page) => ({ start: await page.evaluate(call("startOf", script)) }));

/** While another process keeps all cores busy. */
export async function withBusyCores(action) {
  const busy = await start("busy.mjs");
  try {
    return await action();
  } finally {
    await busy.stop();
  }
}
