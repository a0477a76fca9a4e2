// A session in a Worker, and the pages that it is for.
import type { BackendOwner } from "../backend.js";
import { load, loadNow } from "../engine/loader.js";
import { MqttError } from "../errors.js";
import type { ConnectOptions } from "../options.js";
import { Session } from "../session.js";
import { indexedDBStore } from "../stores/indexeddb.js";
import { Ledger } from "../stores/ledger.js";
import { awaitLock, holdLock } from "../locks.js";
import { fromClone, PROTOCOL, toClone, type Greeting, type Orders, type Question, type Setup, type Welcome } from "./protocol.js";
import { Tab, type TabOwner } from "./tab.js";

interface Asked {
  /** Who was asked. */
  tab: Tab | undefined;
  what: keyof Question;
  argument: unknown;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** One session, and its pages. */
class Host implements TabOwner {
  /** The session is over, or there will be none: who comes now needs another. */
  over = false;
  readonly #shared: boolean;
  #session: Session | undefined;
  #opening: Promise<Session> | undefined;
  #signature: string | undefined;
  #tabs: Tab[] = [];
  /** Messages up to a serial (0: no more than before), the turns in which the tabs handle them, and what is to be done then. */
  #handed: { through: number; turns: Map<Tab, number>; acts: (() => void)[] }[] = [];
  readonly #questions = new Map<number, Asked>();
  #asked = 0;

  constructor(shared: boolean) {
    this.#shared = shared;
  }

  /** A page joins; resolves when it has left. */
  async join({ setup, locks }: Greeting, port: MessagePort): Promise<void> {
    this.#signature ??= setup.signature;
    if (this.#signature !== setup.signature) throw new MqttError("OPTIONS_CONFLICT", "open");
    const session = this.#session ?? (await (this.#opening ??= this.#open(setup).catch((error: unknown) => {
      this.over = true;
      throw error;
    })));
    const tab = new Tab(port, session, this, setup.log);
    port.postMessage({ ready: true } satisfies Welcome); // first of all: the page takes what comes first for the answer
    this.#tabs.push(tab);
    await awaitLock(locks.page);
    await this.leave(tab);
  }

  async #open({ settings, credentials, authentication, store, wasm }: Setup): Promise<Session> {
    const ask = <Value>(what: keyof Question, argument?: unknown) => this.#ask(what, argument) as Promise<Value>;
    const urls = settings.addresses?.map((address) => () => address) ?? [(attempt: number) => ask<string>("url", attempt)];
    const options: ConnectOptions = {
      ...(credentials && { credentials: credentials === "ask" ? () => ask("credentials") : credentials }),
      ...(authentication && { authentication: { ...authentication, next: (data) => (authentication.next ? ask("next", data) : undefined) } }),
      log: ({ reason, ...record }) => this.#tabs.findLast(({ logs }) => logs)?.post("log", { record, reason: reason && toClone(reason) }),
    };
    const core = loadNow(wasm) ?? (await load(wasm));
    const opened = store && (await Ledger.open(indexedDBStore(store.indexedDB)));
    const owner: BackendOwner = {
      stateChanged: (change) => this.#tabs.forEach((tab) => {
        tab.packer.forget(); // there is no connection any more, or nothing has come by it
        tab.state(change);
      }),
      report: (error) => this.#tabs.forEach((tab) => tab.post("report", { error: toClone(error) })),
      ended: (error) => {
        const tabs = this.#tabs;
        this.over = true;
        this.#tabs = [];
        // The pages know by then what is in the store.
        void session.holds().then((isThere) => tabs.forEach((tab) => tab.post("ended", { error: toClone(error), isThere })));
      },
      settled: ({ error, ...fate }) => this.#tabs.forEach((tab) => tab.post("settled", { ...fate, error: error && toClone(error) })),
    };
    let session: Session;
    try {
      session = new Session(core, { ...settings, urls }, options, owner, false, opened);
    } catch (error) {
      await opened?.ledger.close().catch(() => {});
      throw error;
    }
    const { subscriptions } = session;
    const handed = (through: number, acts: (() => void)[]) => {
      this.#handed.push({ through, turns: new Map(this.#tabs.map((tab) => [tab, tab.packer.acknowledgedTurn])), acts });
      this.handled();
    };
    subscriptions.acknowledge = (through) => handed(through, []);
    subscriptions.whenHandled = (act) => handed(0, [act]);
    // What no page has asked for is told to none that shares the connection.
    if (!this.#shared) {
      session.onmessage = (message) => {
        const [tab] = this.#tabs;
        if (tab?.everything) tab.packer.message(message, undefined);
        return tab?.everything === true;
      };
    }
    return (this.#session = session);
  }

  handled(): void {
    const first = this.#handed.findIndex(({ turns }) => [...turns].some(([tab, turn]) => turn > tab.packer.handled));
    const done = this.#handed.splice(0, first < 0 ? this.#handed.length : first);
    if (done.length > 0) this.#session?.delivered(Math.max(...done.map(({ through }) => through)));
    for (const { acts } of done) for (const act of acts) act();
  }

  /** Packets are told to a page that has the session to itself. */
  wantsPackets(tab: Tab): void {
    if (!this.#shared) this.#session!.onpacket = (packet) => tab.post("packet", packet);
  }

  /** So that what one tab acknowledges by hand waits for the handlers of the others. */
  whenHandled(act: () => void): void {
    const last = this.#handed.at(-1);
    if (last && this.#tabs.length > 1) last.acts.push(act);
    else act();
  }

  stop(tab: Tab, options: Orders["stop"]["options"]): void {
    this.leave(tab, options).then(
      (isThere) => tab.post("stopped", { error: undefined, isThere }),
      (error: unknown) => tab.post("stopped", { error: toClone(error), isThere: true }),
    );
  }

  /** A page leaves. The session ends with the last one. Resolves with whether what was stored is still there. */
  async leave(tab: Tab, options?: Orders["stop"]["options"]): Promise<boolean> {
    if (!this.#tabs.includes(tab)) return true;
    const isThere = this.#session!.holds();
    this.#tabs = this.#tabs.filter((one) => one !== tab);
    if (this.#tabs.length === 0) {
      this.over = true;
      const closed = new MqttError("CLIENT_CLOSED", "close");
      try {
        await this.#session!.stop(closed, options);
        return isThere;
      } catch (refusal) {
        await this.#session!.stop(closed); // the page is closed already
        throw refusal;
      }
    }
    tab.leave();
    this.handled();
    for (const [id, asked] of this.#questions) if (asked.tab === tab) this.#put(id, asked);
    return isThere;
  }

  // ---- what a page alone can answer ----

  #ask(what: keyof Question, argument: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const asked = { what, argument, resolve, reject, tab: undefined };
      this.#questions.set(++this.#asked, asked);
      this.#put(this.#asked, asked);
    });
  }

  #put(id: number, asked: Asked): void {
    const { what, argument } = asked;
    asked.tab = this.#tabs.at(-1);
    asked.tab?.post("question", { id, what, argument });
  }

  answered({ id, value, error }: Orders["answer"]): void {
    const asked = this.#questions.get(id);
    this.#questions.delete(id);
    if (error === undefined) asked?.resolve(value);
    else asked?.reject(fromClone(error));
  }
}

/** A page asks to join. Its lock tells it whether the Worker lives, for as long as it wants to know. */
async function greet(greeting: Greeting, port: MessagePort, host: () => Host): Promise<void> {
  const unlock = await holdLock(greeting.locks.worker);
  try {
    if (greeting.tarta !== PROTOCOL) throw new MqttError("UNSUPPORTED", "open", { detail: "the Worker is of another version of this package" });
    await host().join(greeting, port);
  } catch (error) {
    port.postMessage({ refused: toClone(error) } satisfies Welcome);
  } finally {
    unlock();
  }
}

/** Makes a Worker, or a SharedWorker, one that clients may live in. */
export function serve(scope: typeof globalThis): void {
  const listen = (port: EventTarget, host: () => Host) => {
    port.addEventListener("message", ({ data, ports }: any) => {
      if ((data as Partial<Greeting> | undefined)?.tarta) void greet(data as Greeting, ports[0], host);
    });
  };
  if (!("onconnect" in scope)) return listen(scope, () => new Host(false));
  let shared = new Host(true);
  const current = () => (shared.over ? (shared = new Host(true)) : shared);
  scope.addEventListener("connect", ({ ports: [port] }: any) => {
    listen(port, current);
    port.start();
  });
}
