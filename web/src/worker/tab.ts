// One page of a Worker: does what it commands, and has packed for it what it asked for.
import type { StateChange } from "../connection.js";
import { coreError } from "../errors.js";
import { Kind } from "../generated/events.js";
import type { Operation, PublishResult } from "../operations.js";
import { encodeProperties } from "../properties.js";
import type { Session } from "../session.js";
import type { Handler, Subscription, Wish } from "../subscription.js";
import { Packer } from "./packer.js";
import { Command, Contents, FIRST_RECORD } from "./parcel.js";
import { toClone, type Orders, type Posted, type RemoteWish, type Reports } from "./protocol.js";

/** What a tab tells the host that it is one of. */
export interface TabOwner {
  /** The page has handled what it was handed. */
  handled(): void;
  /** Does something when all pages have handled what they were handed until now. */
  whenHandled(act: () => void): void;
  /** The page is to have no client any more. */
  stop(tab: Tab, options: Orders["stop"]["options"]): void;
  /** The page is gone. */
  leave(tab: Tab): Promise<boolean>;
  answered(answer: Orders["answer"]): void;
  /** The page is to be told of all packets. */
  wantsPackets(tab: Tab): void;
}

export class Tab {
  readonly packer: Packer;
  /** Whether all messages are wanted, whatever they match. */
  everything = false;
  readonly #port: MessagePort;
  readonly #session: Session;
  readonly #owner: TabOwner;
  readonly #subscriptions = new Map<number, Subscription>();
  /** What cancels those that the server has not granted yet. */
  readonly #subscribing = new Set<AbortController>();
  /** What cancels the operations of the page that are under way. */
  readonly #operations = new Map<number, () => void>();
  readonly #topics: string[] = []; // by slot
  #waiting: Promise<unknown>[] = []; // messages of QoS 0 of this turn that do not leave with it

  /** @param logs whether the page has a log */
  constructor(port: MessagePort, session: Session, owner: TabOwner, readonly logs: boolean) {
    this.#port = port;
    this.#session = session;
    this.#owner = owner;
    const counters = () => {
      const { bytesReceived, bytesSent, connections, pending, pendingBytes } = session.stats;
      return [bytesReceived, bytesSent, connections, pending, pendingBytes];
    };
    this.packer = new Packer((buffer) => port.postMessage(buffer, [buffer]), counters);
    port.onmessage = ({ data }: MessageEvent<ArrayBuffer | number | Posted<Orders>>) => {
      if (typeof data === "number") this.#handled(data);
      else if (data instanceof ArrayBuffer) this.#run(new Contents(data));
      else this.#obey(data);
    };
  }

  post<Name extends keyof Reports>(name: Name, body: Reports[Name]): void {
    this.packer.after(() => this.#port.postMessage({ name, body }));
  }

  state({ reason, ...change }: StateChange): void {
    const { server, clientId } = this.#session;
    this.post("state", { change, reason: reason && toClone(reason), server, clientId });
  }

  /** The page is gone, or will not ask for anything any more. */
  leave(): void {
    this.#port.onmessage = null;
    for (const aborter of this.#subscribing) aborter.abort();
    this.packer.stop();
    for (const subscription of this.#subscriptions.values()) subscription.unsubscribe().catch(() => {});
  }

  // ---- rare things ----

  #obey({ name, body }: Posted<Orders>): void {
    const session = this.#session;
    switch (name) {
      case "start":
        if (session.state !== "idle") this.state({ state: session.state }); // another tab has started it
        return void session.start().catch(() => {}); // the pages are told of its end
      case "stop":
        return this.#owner.stop(this, body.options);
      case "reauthenticate":
        return this.#answer(body.operation, session.reauthenticate());
      case "restored":
        return this.#answer(body.operation, session.restored);
      case "subscribe":
        return this.#subscribe(body);
      case "route":
        return void this.#subscriptions.set(body.id, session.route(body.wishes.map(toWish), this.#relay));
      case "unsubscribe": {
        const aborter = new AbortController();
        const leaving = this.#subscriptions.get(body.id)?.unsubscribe(aborter) ?? Promise.resolve();
        this.#subscriptions.delete(body.id);
        return this.#answer(body.operation, leaving, () => aborter.abort());
      }
      case "enqueue":
        return this.#enqueue(body);
      case "everything":
        this.everything = true;
        return;
      case "packets":
        return this.#owner.wantsPackets(this);
      case "answer":
        return this.#owner.answered(body);
      case "leave":
        return void this.#owner.leave(this);
      case "wake":
        return session.wake();
    }
  }

  readonly #relay: Handler = (message) => this.packer.message(message, message.unpack().rest.pattern!.number);

  #subscribe({ operation, id, wishes, manual, properties }: Orders["subscribe"]): void {
    const aborter = new AbortController();
    const options = { ack: manual ? "manual" : "auto", signal: aborter.signal, ...(properties && { properties }) } as const;
    // What it throws at once is an answer, too.
    const subscribing = new Promise<Subscription>((resolve) => resolve(this.#session.subscribe(wishes.map(toWish), options, this.#relay)));
    this.#subscribing.add(aborter);
    const ends = () => this.#subscribing.delete(aborter);
    subscribing.then(ends, ends);
    const told = (subscription: Subscription) => {
      this.#subscriptions.set(id, subscription);
      subscription.onrefused = (error) => this.post("refused", { id, error: toClone(error) });
      const properties = encodeProperties(subscription.properties);
      this.packer.record(Kind.suback, [operation, this.packer.put(properties), properties.length, ...subscription.granted]);
    };
    this.#answer(operation, subscribing, () => aborter.abort(), told);
  }

  #enqueue({ operation, id, topic, payload, flags, properties, expiry }: Orders["enqueue"]): void {
    const aborter = new AbortController();
    const told = ({ reasonCode, properties: said }: PublishResult) => {
      const bytes = encodeProperties(said);
      this.packer.record(Kind.done, [operation, reasonCode, this.packer.put(bytes), bytes.length]);
    };
    try {
      const { stored, acked } = this.#session.enqueue(id, topic, payload, flags, properties, expiry, aborter.signal);
      stored.then(() => this.kept(operation), () => {}); // the other tells of failures
      this.#answer(operation, acked, () => aborter.abort(), told);
    } catch (error) {
      this.post("failed", { operation, error: toClone(error) });
    }
  }

  /** Tells the page what becomes of one of its operations. */
  #answer<Result>(
    operation: number, answer: Promise<Result>, cancel = () => {},
    told: (result: Result) => void = () => this.packer.record(Kind.done, [operation, 0, 0, 0]),
  ): void {
    this.#operations.set(operation, cancel);
    // Once it is cancelled, the page may use the number for another one.
    const ends = () => this.#operations.get(operation) === cancel && this.#operations.delete(operation);
    answer.then(
      (result) => ends() && told(result),
      (error: unknown) => ends() && this.post("failed", { operation, error: toClone(error) }),
    );
  }

  /** The page has had its handlers called for all up to this turn. */
  #handled(turn: number): void {
    this.packer.answered(turn);
    this.#owner.handled();
  }

  // ---- parcels of the page ----

  #run(contents: Contents): void {
    const { words } = contents;
    for (let at = FIRST_RECORD; at < words.length; at += words[at]! >>> 16) {
      const head = words[at]!;
      const first = words[at + 1]!;
      switch ((head & 0xff) as Command) {
        case Command.topic:
          this.#topics[first] = contents.text(contents.base + words[at + 2]!, words[at + 3]!);
          break;
        case Command.publish:
          this.#publish(contents, at, (head >>> 8) & 0xff);
          break;
        case Command.turn: {
          const all = [...this.#waiting.splice(0), this.#session.operations.unanswered()];
          this.#answer(first, Promise.all(all));
          break;
        }
        case Command.cancel: {
          const cancel = this.#operations.get(first);
          if (!cancel) break; // the page will have read by now what became of it
          this.#operations.delete(first);
          this.packer.record(Kind.failed, [first, 0]);
          cancel();
          break;
        }
        case Command.acknowledge:
          this.#owner.whenHandled(this.packer.acknowledge(first, words[at + 2]!));
      }
    }
    this.packer.count();
  }

  #publish(contents: Contents, at: number, flags: number): void {
    const { words, base } = contents;
    const { operations } = this.#session;
    const operation = words[at + 1]!;
    const topic = this.#topics[words[at + 2]!]!;
    const payload = contents.view(base + words[at + 4]!, words[at + 5]!);
    const properties = contents.view(base + words[at + 6]!, words[at + 7]!);
    const error = this.#session.give(topic, payload, flags, properties, words[at + 3]!);
    const answered = error === 0 && this.#session.answered(flags);
    if (operation === 0) {
      if (error > 0) this.#waiting.push(Promise.reject(coreError(error, "publish")));
      else if (answered) this.#waiting.push(operations.wait("publish"));
    } else if (error > 0) {
      this.packer.record(Kind.failed, [operation, error]);
    } else if (!answered) {
      this.#answer(operation, operations.unanswered());
    } else {
      const number = operations.add(new Forwarded(this, operation));
      this.#operations.set(operation, () => operations.drop(number));
    }
  }

  /** The message of an operation of the page is in the store. */
  kept(operation: number): void {
    if (this.#operations.has(operation)) this.packer.record(Kind.persist, [0, 0, 0, 0, 0, operation]);
  }

  /** What the core tells of an operation of the page. */
  outcome(kind: Kind, operation: number, reason: number, properties?: Uint8Array): void {
    if (kind !== Kind.received && !this.#operations.delete(operation)) return;
    const { packer } = this;
    packer.record(kind, properties ? [operation, reason, packer.put(properties), properties.length] : [operation, reason]);
  }
}

/** A message of the page, of which the page is told what the core tells. */
class Forwarded implements Operation {
  constructor(
    private readonly tab: Tab,
    private readonly number: number,
  ) {}

  received(reason: number, properties: Uint8Array): void {
    this.tab.outcome(Kind.received, this.number, reason, properties);
  }

  done(reason: number, properties: Uint8Array): void {
    this.tab.outcome(Kind.done, this.number, reason, properties);
  }

  failed(error: number): void {
    this.tab.outcome(Kind.failed, this.number, error);
  }

  kept(): void {
    this.tab.kept(this.number);
  }

  answered(): void {} // that is of SUBSCRIBE and UNSUBSCRIBE

  reject(): void {} // the page rejects its own when it is told of the end
}

function toWish({ filter, options, number }: RemoteWish): Wish {
  return { pattern: { filter, names: [], number }, options };
}
