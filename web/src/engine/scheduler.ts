import { inNode } from "../platform.js";

const settled = /* @__PURE__ */ Promise.resolve();
const tasks: (() => void)[] = [];
// One for all clients: a port that listens is never collected, nor is what its listener holds.
let channel: MessageChannel | undefined;

function inNextTask(task: () => void): void {
  if (!channel) {
    channel = new MessageChannel();
    channel.port1.onmessage = () => tasks.shift()!();
  }
  tasks.push(task);
  channel.port2.postMessage(null);
}

/**
 * Runs a task once, at the end of the turn.
 *
 * Browsers run microtasks between two WebSocket messages that have come together. So a turn that has received ends late,
 * in a task of its own: what answers several messages then leaves as one. Elsewhere a microtask serves.
 */
export class Scheduler {
  readonly #task: () => void;
  #pending = false;

  constructor(task: () => void) {
    this.#task = () => {
      this.#pending = false;
      task();
    };
  }

  schedule(late: boolean): void {
    if (this.#pending) return;
    this.#pending = true;
    if (late && !inNode()) inNextTask(this.#task);
    else void settled.then(this.#task); // in Node a third of the cost of queueMicrotask()
  }
}
