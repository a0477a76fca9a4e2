import { inNode } from "../platform.js";

/**
 * Runs a task once, at the end of the turn.
 *
 * Browsers run microtasks between two WebSocket messages that have come together. So a turn that has received ends late,
 * in a task of its own: what answers several messages then leaves as one. Elsewhere a microtask serves.
 */
export class Scheduler {
  #pending = false;
  #channel: MessageChannel | undefined;

  constructor(private readonly task: () => void) {}

  schedule(late: boolean): void {
    if (this.#pending) return;
    this.#pending = true;
    if (late && !inNode()) {
      if (!this.#channel) {
        this.#channel = new MessageChannel();
        this.#channel.port1.onmessage = this.#run;
      }
      this.#channel.port2.postMessage(null);
    } else {
      queueMicrotask(this.#run);
    }
  }

  readonly #run = (): void => {
    this.#pending = false;
    this.task();
  };

  /** Lets go of what keeps a page or Worker busy; schedule() works on. */
  close(): void {
    if (!this.#pending) this.#channel?.port1.close();
    this.#channel = undefined;
  }
}
