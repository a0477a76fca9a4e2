// What can break, a part each. A part is a module of `parts/` with
//
//   title            what is done to the client, in a few words
//   rounds           of the whole run (scripts/soak); each takes seconds, has a seed of its own, and needs none before it
//   prepare?()       what all rounds use: something with close()
//   round({ seed, index, prepared, say, signal, short })
//                    breaks things, and throws where the judge finds something lost, twice, or out of order. Returns figures:
//                    an object of numbers, which are added up, and of what is kept as it is. `index`: which of the rounds it
//                    is, for those that share out a whole; `say(text)` tells of progress; `signal` wants it to end; `short` is
//                    set in the test run: a few seconds at most
//   check?(figures)  what must have been met in the whole, as how often each stage was hit; throws
import { readdirSync } from "node:fs";

const folder = new URL("parts/", import.meta.url);

/** All parts, by their names. */
export async function loadParts() {
  const files = readdirSync(folder).filter((file) => file.endsWith(".mjs")).sort();
  const parts = await Promise.all(files.map(async (file) => [file.slice(0, -4), await import(new URL(file, folder))]));
  return new Map(parts);
}

/** Figures of two runs as those of one. */
export function add(one, other) {
  const sum = { ...one };
  for (const [name, value] of Object.entries(other)) sum[name] = typeof value === "number" ? (sum[name] ?? 0) + value : value;
  return sum;
}
