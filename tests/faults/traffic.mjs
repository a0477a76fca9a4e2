// Messages between a client and a broker, both ways at once: as many are under way as the window says.
import { setTimeout as pause } from "node:timers/promises";
import { judgeIn, judgeOut } from "./judge.mjs";

const LOOK = 2; // ms between two looks at whether more may be sent
const PATIENCE = 20_000; // ms without progress, until it is clear that none will come

/** Payloads of all sizes: few of them are of some KB, or, where `large`, of more than goes through the core at once. */
function fillerOf(random, large) {
  const size = random.chance(0.88) ? 12 : random.chance(0.95) ? 200 : large ? 120_000 : 5000;
  return "x".repeat(random.below(size));
}

/** What takes messages: a handler for each, one for those of a chunk, or one that acknowledges by hand, later. */
export const HANDLERS = ["each", "batch", "manual"];

export class Traffic {
  /** By text: `{ number, qos, topic, text, state, stored, error, inDoubt }`. */
  sent = new Map();
  /** What handlers were given: `{ qos, topic, text, inHand }`; `inHand`: its connection was lost before `ack()`. */
  received = [];
  #client;
  #broker;
  #random;
  #options;
  #outstanding = { out: 0, in: 0 };
  #delivered = 0;
  #progress = 0;
  #stopped = false;
  #timers = new Set();
  #answered = new Set(); // texts that a handler has had, or acknowledged by hand
  #early = []; // texts that the client has acknowledged before
  #ending; // why the client is closed

  /**
   * Options: `windows` `{ out, in }`; `least`: messages each way, and then `goOn()` says whether there are to be more;
   * `handlers`; `large`: some payloads are; `enqueues`: some messages are; `mayLose`: the broker may lose the session.
   */
  constructor(client, broker, random, options) {
    this.#client = client;
    this.#broker = broker;
    this.#random = random;
    this.#options = options;
    client.addEventListener("state", ({ detail }) => detail.state === "closed" && (this.#ending = detail.reason));
    broker.onacknowledged = ({ text }) => this.#answered.has(text) || this.#early.push(text);
    broker.onsettled = () => {
      this.#outstanding.in--;
      this.#pump();
    };
  }

  /** Subscribes to what `run()` delivers. */
  async subscribe(filters, signal) {
    const { handlers } = this.#options;
    const subscribe = {
      each: () => this.#client.subscribe(filters, { qos: 2 }, (message) => this.#take(message)),
      batch: () => this.#client.batch(filters, { qos: 2 }, (messages) => messages.forEach((message) => this.#take(message))),
      manual: () => this.#client.subscribe(filters, { qos: 2, ack: "manual" }, (message) => this.#hold(message)),
    };
    let done = false;
    const subscribing = subscribe[handlers]();
    subscribing.then(() => (done = true), () => {});
    await this.#until(() => done, signal, "subscribed to");
    return subscribing;
  }

  #take(message) {
    const text = message.text();
    this.received.push({ qos: message.qos, topic: message.topic, text, inHand: false });
    this.#answered.add(text);
  }

  #hold(message) {
    const { connections } = this.#client.stats;
    const received = { qos: message.qos, topic: message.topic, text: message.text(), inHand: true };
    this.received.push(received);
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      const { state, stats } = this.#client;
      received.inHand = state !== "online" || stats.connections !== connections;
      this.#answered.add(received.text);
      message.ack();
    }, this.#random.below(3));
    this.#timers.add(timer);
  }

  /**
   * Sends until all is sent, and `goOn()` no more; then waits until all is settled and delivered, `quiet()` called in between.
   * @throws Error when the client ends, or nothing goes on
   */
  async run(signal, quiet = () => {}) {
    const { least, goOn } = this.#options;
    const isOver = () => this.sent.size >= least && this.#delivered >= least && !goOn();
    await this.#until(() => (this.#pump(), isOver()), signal, "sent");
    this.#stopped = true;
    quiet();
    await this.#until(() => this.#outstanding.out === 0 && this.#outstanding.in === 0, signal, "settled");
  }

  /** Nothing more is sent, nor acknowledged by hand. */
  stop() {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  async #until(condition, signal, what) {
    let progress = -1;
    let since = 0;
    while (!condition()) {
      signal.throwIfAborted();
      const now = performance.now();
      if (this.#client.state === "closed") throw new Error(`the client has ended: ${this.#ending}`);
      const here = this.#progress + this.#broker.log.length + this.received.length;
      if (here !== progress) [progress, since] = [here, now];
      if (now - since > PATIENCE) {
        const { out, in: inwards } = this.#outstanding;
        throw new Error(`nothing goes on, and not all is ${what}: ${out} out, ${inwards} in, the client is ${this.#client.state}`);
      }
      await pause(LOOK);
    }
  }

  #pump() {
    if (this.#stopped) return;
    const { windows, least, goOn } = this.#options;
    while (this.#outstanding.out < windows.out && (this.sent.size < least || goOn())) this.#publish();
    while (this.#outstanding.in < windows.in && (this.#delivered < least || goOn())) if (!this.#deliver()) break;
  }

  #publish() {
    const random = this.#random;
    const number = this.sent.size;
    const qos = 1 + random.below(2);
    const topic = `out/${random.below(3)}`;
    const text = `${number} ${fillerOf(random, this.#options.large)}`;
    const { begun } = this.#broker;
    const message = { number, qos, topic, text, state: "pending", stored: false, error: undefined, inDoubt: false };
    this.sent.set(text, message);
    this.#outstanding.out++;
    const settle = (change) => {
      Object.assign(message, change, { inDoubt: this.#options.mayLose && this.#broker.begun > begun });
      this.#outstanding.out--;
      this.#progress++;
      this.#pump();
    };
    let settled;
    if (this.#options.enqueues && random.chance(0.4)) {
      const { stored, acked } = this.#client.enqueue(topic, text, { qos });
      stored.then(() => (message.stored = true), () => {}); // acked tells why not
      settled = acked;
    } else {
      settled = this.#client.publish(topic, text, { qos });
    }
    const failed = (error) => settle({ state: "rejected", stored: message.stored || error.stored === true, error });
    settled.then(() => settle({ state: "resolved" }), failed);
  }

  /** False: nobody has subscribed, as the session was lost. */
  #deliver() {
    const random = this.#random;
    const text = `${this.#delivered} ${fillerOf(random, this.#options.large)}`;
    this.#outstanding.in++;
    if (this.#broker.publish(`in/${random.below(3)}`, text, 1 + random.below(2)).length === 0) {
      this.#outstanding.in--;
      return false;
    }
    this.#delivered++;
    return true;
  }

  /** What the judge says of it. */
  judge(findings) {
    const out = judgeOut(findings, this.sent, this.#broker.log);
    const inwards = judgeIn(findings, this.#broker.deliveries, this.received);
    for (const text of this.#early) findings.add("in, acknowledged before it was handled", text.split(" ", 1)[0]);
    for (const violation of this.#broker.violations) findings.add("violation", violation);
    return {
      messages: this.sent.size + this.#broker.deliveries.length,
      resent: this.#broker.resent,
      "twice at QoS 1": out.twice + inwards.twice,
      "in doubt": out.inDoubt,
    };
  }
}
