// A headless Chromium, driven by the DevTools protocol alone: Playwright and Puppeteer switch on its Network domain, which
// reports every WebSocket frame and would cost more than the clients that are measured.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromiumProgram, FLAGS as SAME } from "../../browser/chromium.mjs";

const FLAGS = [
  "--headless",
  ...SAME,
  "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup", // pages of Chromium's own, with each window
  "--remote-debugging-pipe", // ends Chromium when this process ends, however that happens
];

/** Calls over Chromium's pipe: JSON texts, each with a NUL behind it. */
class Protocol {
  #calls = new Map();
  #lastId = 0;
  #rest = [];

  constructor(output, input) {
    this.output = output;
    output.on("error", () => {}); // the end of Chromium is told by fail()
    input.on("data", (data) => this.#take(data));
  }

  #take(data) {
    let from = 0;
    for (let end; (end = data.indexOf(0, from)) >= 0; from = end + 1) {
      const text = Buffer.concat([...this.#rest, data.subarray(from, end)]).toString();
      this.#rest = [];
      const { id, result, error } = JSON.parse(text);
      const call = this.#calls.get(id);
      this.#calls.delete(id);
      if (error) call?.reject(new Error(`${call.method}: ${error.message}`));
      else call?.resolve(result);
    }
    if (from < data.length) this.#rest.push(data.subarray(from));
  }

  send(method, params, sessionId) {
    if (this.#failure) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId;
      this.#calls.set(id, { method, resolve, reject });
      this.output.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  }

  #failure;
  fail(error) {
    this.#failure ??= error;
    for (const { reject } of this.#calls.values()) reject(this.#failure);
    this.#calls.clear();
  }
}

/** One page in a renderer process of its own. */
class Page {
  constructor(protocol, context, target, session) {
    this.protocol = protocol;
    this.context = context;
    this.target = target;
    this.session = session;
  }

  send(method, params = {}) {
    return this.protocol.send(method, params, this.session);
  }

  /** What an expression of the page comes to, or resolves with. @param patience ms */
  async evaluate(expression, patience = 30_000) {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no end within ${patience / 1000} s`)), patience);
    });
    const call = this.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    const { result, exceptionDetails } = await Promise.race([call, late]).finally(() => clearTimeout(timer));
    if (!exceptionDetails) return result.value;
    const text = exceptionDetails.exception?.description ?? exceptionDetails.text;
    throw new Error(text.replace(/^Error: /, ""));
  }

  /** Loads a page, and waits until its scripts have been run. */
  async go(url) {
    const { errorText } = await this.send("Page.navigate", { url });
    if (errorText) throw new Error(`${url}: ${errorText}`);
    await this.evaluate(`document.readyState === "complete" || new Promise((resolve) => addEventListener("load", resolve))`);
  }

  /**
   * Has Chromium add up what costs() gives. With `threadTicks` scripts are measured by the thread's clock: time in which
   * another process has the core does not count, but each look at that clock adds some µs per task to the main thread.
   */
  count(timeDomain = "timeTicks") {
    return this.send("Performance.enable", { timeDomain });
  }

  /** Since count(), seconds: CPU time of the main thread; scripts on the main thread; CPU time of the whole process. */
  async costs() {
    const { metrics } = await this.send("Performance.getMetrics");
    const { ThreadTime: main, ScriptDuration: script, ProcessTime: renderer } = Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
    return { main, script, renderer };
  }

  async close() {
    await this.protocol.send("Target.closeTarget", { targetId: this.target });
    await this.protocol.send("Target.disposeBrowserContext", { browserContextId: this.context });
  }
}

/** Removes a folder into which processes that are ending may still write: rmSync() alone looks into it but once. */
function remove(folder) {
  for (let attempts = 40; ; attempts--) {
    try {
      return rmSync(folder, { recursive: true, force: true });
    } catch (error) {
      if (attempts === 0) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50); // ms; there is no other waiting while a process exits
    }
  }
}

/** Starts Chromium with a fresh profile. `stop()` ends it, and so does the end of this process. */
export async function startChromium() {
  const program = chromiumProgram();
  if (!program) throw new Error("Chromium is not installed: run scripts/setup, or set CHROMIUM to the program.");
  const folder = mkdtempSync(join(tmpdir(), "tarta-bench-")); // for all that it writes
  const child = spawn(program, [...FLAGS, `--user-data-dir=${join(folder, "profile")}`, "about:blank"], {
    stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
    env: { ...process.env, TMPDIR: folder },
    detached: true, // a process group of its own, so that it ends together with all that it starts
  });
  const protocol = new Protocol(child.stdio[3], child.stdio[4]);
  const ended = new Promise((resolve) => {
    child.once("error", (error) => resolve(protocol.fail(error)));
    child.once("exit", (code, signal) => resolve(protocol.fail(new Error(`Chromium has ended (${signal ?? code})`))));
  });
  const kill = () => {
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {} // there is no process left
  };
  const atExit = () => {
    kill();
    remove(folder);
  };
  process.once("exit", atExit);

  const open = async () => {
    const { browserContextId } = await protocol.send("Target.createBrowserContext"); // no two share a process
    const { targetId } = await protocol.send("Target.createTarget", { url: "about:blank", browserContextId, newWindow: true });
    const { sessionId } = await protocol.send("Target.attachToTarget", { targetId, flatten: true });
    return new Page(protocol, browserContextId, targetId, sessionId);
  };
  const stop = async () => {
    kill(); // it has nothing to keep
    await ended;
    process.off("exit", atExit);
    remove(folder);
  };
  try {
    const { product } = await protocol.send("Browser.getVersion");
    return { version: product, open, stop, send: (method, params) => protocol.send(method, params) };
  } catch (error) {
    await stop();
    throw error;
  }
}
