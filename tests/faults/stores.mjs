// Stores for clients that live as long as a round.
import { memoryStore } from "tarta";

const SLOW = 3; // ms at most

/** "none", "memory" for one that has written at once, or "slow" for one that takes its time as a disk does. */
export const STORES = ["none", "memory", "slow"];

/** @returns undefined for "none" */
export function storeOf(kind, random) {
  if (kind === "none") return undefined;
  const memory = memoryStore();
  if (kind === "memory") return memory;
  return {
    async open() {
      const opened = await memory.open();
      const write = async (changes) => {
        await new Promise((resolve) => setTimeout(resolve, random.below(SLOW + 1)));
        return opened.write(changes);
      };
      return { read: () => opened.read(), write, close: () => opened.close() };
    },
  };
}
