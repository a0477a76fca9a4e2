// Pages of headless Chromium with a client that keeps its messages in IndexedDB, and what they tell of them while they live.
import { fileURLToPath } from "node:url";
import { html, launchChromium, servePages } from "../browser/chromium.mjs";
import { BackgroundPage } from "./background.mjs";
import { DurableBroker } from "./broker.mjs";

export const STORE = "kept"; // the name of the database
const PATIENCE = 10_000; // ms for anything that must come
const EACH = 1_000_000; // numbers that a page may use
const DIST = fileURLToPath(new URL("../../web/dist", import.meta.url));

// `tell` is a binding of Chromium's, which brings a text to the test in the order of the calls. A message is its number, and as
// much more as it is to be large.
const PAGE = html(`<!doctype html><title>faults</title><script type="module">
  import { Client, indexedDBStore } from "/dist/tarta.mjs";
  const say = (...what) => tell(JSON.stringify(what));
  window.begin = (url, options) => {
    const settings = { version: 5, reconnect: { min: 1, max: 20, initial: true }, store: indexedDBStore("${STORE}"), ...options };
    const client = (window.client = new Client(url, settings));
    client.addEventListener("state", ({ detail }) => say("state", detail.state));
    window.connecting = client.connect().then(() => "connected", ({ code }) => code);
  };
  window.enqueue = (number, size = 0) => {
    const text = number + " ".padEnd(size, "x");
    const { stored, acked } = window.client.enqueue("kept", text, { qos: number % 3 === 0 ? 1 : 2 });
    say("enqueued", number);
    acked.then(() => say("acked", number), ({ code }) => say("unacked", number, code));
    return stored.then(() => say("stored", number), ({ code }) => say("unstored", number, code));
  };
  window.enqueueAll = (first, count) => Promise.all(Array.from({ length: count }, (_, index) => window.enqueue(first + index)));
  // Some together, and again when they are stored, until \`stopped\` is set; resolves with the next number.
  window.enqueueOn = async (number, together, pause) => {
    for (window.stopped = false; !window.stopped; number += together) {
      await window.enqueueAll(number, together);
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
    return number;
  };
  // Whatever is asked of a database without tarta.
  window.request = (asked) => new Promise((resolve, reject) => {
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
  window.ready = true;
</script>`);

/** Chromium, for all rounds of a part. */
export async function prepare() {
  // What is to end by a signal ends in its order, with nothing left behind.
  const launching = launchChromium({ handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: false });
  const [browser, server] = await Promise.all([launching, servePages({ "/dist/": DIST, "/page.html": PAGE })]);
  return {
    browser,
    origin: server.url,
    async close() {
      await Promise.all([browser.close(), server.stop()]);
    },
  };
}

export const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** What must come in time; nothing may hang. */
export async function within(promise, what, milliseconds = PATIENCE) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${milliseconds} ms`)), milliseconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** A profile of the browser with nothing in it, a broker, and what its pages have told. */
export class World {
  /** What became of each message, by number: `{ stored, unstored, acked, unacked }`, the latter of each with the code. */
  messages = new Map();
  /** A broker more, where there is one. */
  other;
  /** The first numbers of pages that have crashed, whose last words may not have been heard. */
  crashed = new Set();
  /** The last state of a client. */
  state = "idle";
  #waiting = new Set();
  #opened = 0;

  static async open({ browser, origin }, signal) {
    signal.throwIfAborted();
    const world = new World();
    world.browser = browser;
    world.origin = origin;
    [world.context, world.broker] = await Promise.all([browser.newContext(), DurableBroker.start()]);
    world.signal = signal;
    world.aborted = new Promise((_, reject) => (world.abort = () => reject(signal.reason)));
    world.aborted.catch(() => {});
    signal.addEventListener("abort", world.abort);
    if (signal.aborted) world.abort();
    return world;
  }

  close() {
    this.signal.removeEventListener("abort", this.abort);
    return (this.closing ??= this.#close());
  }

  // The pages first: their clients would connect again to a broker that is about to end.
  async #close() {
    await Promise.all([this.context.close(), this.background?.close()]);
    await Promise.all([this.broker.stop(), this.other?.stop()]);
  }

  /** A page more. `first`: the first of its numbers. */
  async page() {
    const page = await this.context.newPage();
    page.setDefaultTimeout(PATIENCE);
    const session = (page.session = await this.context.newCDPSession(page));
    page.first = this.#opened++ * EACH;
    await session.send("Runtime.enable");
    session.on("Runtime.bindingCalled", ({ payload }) => this.#hear(payload));
    await session.send("Runtime.addBinding", { name: "tell" });
    await page.goto(`${this.origin}/page.html`);
    await page.waitForFunction(() => window.ready);
    return page;
  }

  /** A page that can be hidden and frozen; of this world it has the broker alone. */
  async backgroundPage() {
    const page = (this.background = await BackgroundPage.open(this.browser, `${this.origin}/page.html`, (told) => this.#hear(told)));
    page.first = this.#opened++ * EACH;
    return page;
  }

  /** Has a page make its client, which connects. */
  begin(page, options = {}, url = this.broker.url) {
    return page.evaluate(([address, others]) => window.begin(address, others), [url, options]);
  }

  /** Has a page enqueue `count` messages more, and finish all. */
  async finish(page, first = page.first, count = 0) {
    const finished = page.evaluate(async (settings) => {
      await window.enqueueAll(...settings);
      await window.client.drain();
      await window.client.close();
    }, [first, count]);
    await within(finished, "the page finishes");
  }

  #hear(told) {
    const [what, number, code] = JSON.parse(told);
    if (what === "state") this.state = number;
    else if (what === "enqueued") this.messages.set(number, {});
    else this.messages.get(number)[what] = code ?? true;
    for (const look of this.#waiting) look();
  }

  /** Resolves when something is so that pages tell of. */
  until(isSo, what, milliseconds) {
    let look;
    const waiting = new Promise((resolve) => this.#waiting.add((look = () => isSo() && resolve())));
    look();
    return within(waiting, what, milliseconds).finally(() => this.#waiting.delete(look));
  }

  count(what) {
    return [...this.messages.values()].filter((message) => message[what]).length;
  }

  /** Every promise of the page's messages has settled. */
  settled() {
    const isSettled = ({ stored, unstored, acked, unacked }) => (stored || unstored) && (acked || unacked);
    return this.until(() => [...this.messages.values()].every(isSettled), "a promise settles");
  }

  /** Ends the lines of all clients. */
  cut() {
    for (const socket of this.broker.server.clients) socket.terminate();
  }

  /**
   * What was told to be stored is in the log (unless `forgotten` is true of it), what was told not to be is not; at QoS 2 nothing
   * is there twice, and all in its order.
   */
  judge({ clients = 1, forgotten = () => false } = {}) {
    const { messages, broker } = this;
    const numbers = broker.log.map(({ text }) => parseInt(text, 10));
    const arrived = [...new Set(numbers)];
    const has = new Set(numbers);
    const all = [...messages.entries()];
    const pick = (isWrong) => all.filter(([number, message]) => isWrong(message, number)).map(([number]) => number);
    const seen = new Set();
    const wrong = {
      lost: pick(({ stored, acked }, number) => (acked || (stored && !forgotten(number))) && !has.has(number)),
      "told both ways": pick(({ stored, unstored, acked, unacked }) => (stored && unstored) || (acked && unacked)),
      "sent, but not stored": pick(({ unstored }, number) => unstored && has.has(number)),
      "never enqueued": arrived.filter((number) => !messages.has(number) && !this.crashed.has(number - (number % EACH))),
      twice: broker.log.filter(({ qos }, index) => {
        const before = seen.has(numbers[index]);
        seen.add(numbers[index]);
        return before && qos === 2;
      }).map(({ text }) => parseInt(text, 10)),
      "out of order": arrived.filter((number, index) => index > 0 && number < arrived[index - 1]),
      violations: broker.violations,
    };
    const found = Object.entries(wrong).filter(([, some]) => some.length > 0);
    const names = new Set(broker.log.map(({ client }) => client));
    if (names.size > clients) found.push(["clients", [...names]]);
    if (found.length > 0) throw new Error(found.map(([kind, some]) => `${kind} (${some.length}): ${some.slice(0, 10).join(", ")}`).join("\n"));
    return { messages: messages.size, stored: this.count("stored"), arrived: arrived.length };
  }
}

/** Has a world for each fault of a round, one after the other or `together`, and adds up the figures. */
export async function eachFault(count, { prepared, signal, together = false }, fault) {
  const figures = {};
  const one = async (index) => {
    const world = await World.open(prepared, signal);
    try {
      const found = { faults: 1, ...(await Promise.race([fault(world, index), world.aborted])) };
      for (const [name, figure] of Object.entries(found)) figures[name] = (figures[name] ?? 0) + figure;
    } catch (error) {
      signal.throwIfAborted();
      throw new Error(`fault ${index}: ${error.message}`, { cause: error });
    } finally {
      await world.close();
    }
  };
  const indices = Array.from({ length: count }, (_, index) => index);
  if (together) {
    const ends = await Promise.allSettled(indices.map(one));
    const failed = ends.find(({ status }) => status === "rejected");
    if (failed) throw failed.reason;
  } else {
    for (const index of indices) await one(index);
  }
  return figures;
}
