// What can break, a part each. A part has a line here, and a module of `parts/` with
//
//   prepare?()       what all rounds use: something with close()
//   round({ seed, index, prepared, say, signal, short })
//                    breaks things, and throws where the judge finds something lost, twice, or out of order. Returns figures:
//                    an object of numbers, which are added up, and of what is kept as it is. `index`: which of the rounds it
//                    is, for those that share out a whole; `say(text)` tells of progress; `signal` wants it to end; `short` is
//                    set in the test run: a few seconds at most
//   check?(figures)  what must have been met in the whole, as how often each stage was hit; throws

/**
 * All parts, by their names. `title`: what is done to the client, in a few words; `rounds`: of the whole run (scripts/soak); each
 * takes seconds, has a seed of its own, and needs none before it. What is said of them needs nothing that is built.
 */
export const PARTS = {
  blocked: { rounds: 20, title: "pages whose database another page keeps from them" },
  boundaries: { rounds: 90, title: "a process that dies at any write of its store" },
  crash: { rounds: 20, title: "pages that crash while they enqueue" },
  cuts: { rounds: 100, title: "lines that break at any byte" },
  deleted: { rounds: 20, title: "pages whose database is deleted while they enqueue" },
  freeze: { rounds: 20, title: "pages that are frozen while they enqueue, with lines that end meanwhile or not" },
  heap: { rounds: 1, title: "an hour at 2000 messages a second each way, and all else that a client does" },
  kills: { rounds: 100, title: "processes that are killed at any moment" },
  offline: { rounds: 20, title: "pages whose network goes and comes back" },
  power: { rounds: 100, title: "a disk that has lost what was not synced" },
  quota: { rounds: 20, title: "pages that may not keep any more" },
  restarts: { rounds: 50, title: "a broker that stops and comes back, with its sessions or without" },
  torn: { rounds: 200, title: "a byte of a store that has changed, a file that was cut" },
};

/** The module of a part, with what stands here. */
export async function loadPart(name) {
  return { ...PARTS[name], ...(await import(new URL(`parts/${name}.mjs`, import.meta.url))) };
}

/** Figures of two runs as those of one. */
export function add(one, other) {
  const sum = { ...one };
  for (const [name, value] of Object.entries(other)) sum[name] = typeof value === "number" ? (sum[name] ?? 0) + value : value;
  return sum;
}
