// Processes that have a store one after the other (life.mjs): started, killed, and what all of them have done judged at the end.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { judgeArrivals, judgeIn } from "./judge.mjs";

const PROGRAM = fileURLToPath(new URL("life.mjs", import.meta.url));
const EACH = 1_000_000; // numbers that a life may use
const PATIENCE = 15_000; // ms for a life that is to come to its end

/** The message of this number; the processes and the judge agree on it. */
export function messageOf(number, size = 0) {
  return { number, qos: number % 3 === 0 ? 1 : 2, topic: `out/${number % 2}`, text: `${number} ${"x".repeat(size)}` };
}

export class Lives {
  /** How many there were. */
  count = 0;
  /** Numbers of messages that were told to be stored, or acknowledged. */
  stored = new Set();
  resolved = new Set();
  /** What handlers were given: `{ qos, topic, text, inHand }`; `inHand`: it may come again, as it was neither noted nor answered for. */
  received = [];
  #broker;
  #folder;
  #signal;
  #size;

  /** `size`: bytes that are added to each message. */
  constructor(broker, folder, signal, size = 0) {
    this.#broker = broker;
    this.#folder = folder;
    this.#signal = signal;
    this.#size = size;
  }

  /**
   * Runs a process until it ends. `options`: more of life.mjs; `watch(life)` is called when it has started, may kill it or let it
   * end (`life.stdin`), and returns what is told each of its lines; `env` is added to its environment. Resolves with the signal
   * or code that it has ended with.
   */
  async run(options, watch, env = {}) {
    this.#signal.throwIfAborted();
    const first = EACH * this.count++;
    const all = JSON.stringify({ url: this.#broker.url, folder: this.#folder, size: this.#size, first, ...options });
    const life = spawn(process.execPath, [PROGRAM, all], { stdio: ["pipe", "pipe", "inherit"], env: { ...process.env, ...env } });
    life.stdin.on("error", () => {});
    const kill = () => life.kill("SIGKILL");
    this.#signal.addEventListener("abort", kill);
    const inHand = []; // QoS 2, got and not yet noted
    const heard = watch(life);
    createInterface({ input: life.stdout }).on("line", (line) => {
      this.#hear(line, inHand);
      heard(line);
    });
    const [code, signal] = await once(life, "close");
    this.#signal.removeEventListener("abort", kill);
    this.#signal.throwIfAborted();
    return signal ?? code;
  }

  #hear(line, inHand) {
    const [what, ...words] = line.split(" ");
    const rest = words.join(" ");
    switch (what) {
      case "stored":
        this.stored.add(Number(rest));
        break;
      case "resolved":
        this.resolved.add(Number(rest));
        break;
      case "got": {
        const [qos, topic, ...text] = words;
        const one = { qos: Number(qos), topic, text: text.join(" "), inHand: qos === "2" };
        this.received.push(one);
        if (one.inHand) inHand.push(one);
        break;
      }
      case "noted":
        for (const one of inHand.splice(0, Number(rest))) one.inHand = false;
        break;
      case "answered": {
        const one = this.received.findLast(({ text }) => text === rest);
        if (one) one.inHand = false;
      }
    }
  }

  /** A last one, which may finish all that there is, both ways; `heard` is told its lines. @throws Error where it does not */
  async finish(heard = () => {}) {
    let drained = false;
    let late;
    const isOver = () => drained && this.#broker.deliveries.every(({ completed }) => completed);
    const code = await this.run({}, (life) => {
      late = setTimeout(() => life.kill("SIGKILL"), PATIENCE);
      const end = () => isOver() && life.stdin.end();
      this.#broker.onsettled = end;
      return (line) => {
        heard(line);
        drained ||= line === "drained";
        end();
      };
    });
    clearTimeout(late);
    this.#broker.onsettled = undefined;
    if (code !== 0) throw new Error(`the last process has ended with ${code}${isOver() ? "" : ", and not all is settled"}`);
  }

  /** What the judge says, when the last one has finished. */
  judge(findings) {
    const sent = { get: (text) => messageOf(Number.parseInt(text, 10), this.#size) };
    const { log, deliveries, violations } = this.#broker;
    const { arrivals, twice } = judgeArrivals(findings, "out", log, sent);
    const arrived = new Map([...arrivals.keys()].map((text) => [Number.parseInt(text, 10), text]));
    for (const number of new Set([...this.stored, ...this.resolved])) if (!arrived.has(number)) findings.add("out, lost", number);
    for (const { qos, text, released } of log) if (qos === 2 && !released) findings.add("out, never released", Number.parseInt(text, 10));
    const inwards = judgeIn(findings, deliveries, this.received);
    for (const violation of violations) findings.add("violation", violation);
    if (new Set(log.map(({ client }) => client)).size > 1) findings.add("out", "not all are of one client");
    return { stored: this.stored.size, arrived: arrivals.size, delivered: deliveries.length, "twice at QoS 1": twice + inwards.twice };
  }
}
