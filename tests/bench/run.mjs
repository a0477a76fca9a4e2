// Runs the benchmark; scripts/bench calls it. Figures go to standard output, progress to standard error.
import { writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { ended, probe, startServer } from "./children.mjs";
import { clients } from "./clients/list.mjs";
import { table } from "./figures.mjs";
import { messages as workloads } from "./workloads.mjs";
import * as messages from "./sections/messages.mjs";
import * as codec from "./sections/codec.mjs";
import * as latency from "./sections/latency.mjs";
import * as memory from "./sections/memory.mjs";
import * as held from "./sections/held.mjs";
import * as growth from "./sections/growth.mjs";
import * as size from "./sections/size.mjs";
import * as load from "./sections/load.mjs";
import * as chromium from "./browser/section.mjs";

/** Each has a `title`, and `measure(bench)` that resolves with the rows of its table (figures.mjs). */
const sections = { messages, codec, latency, memory, held, growth, size, load, chromium };

function refuse(message) {
  console.error(message);
  process.exit(2);
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        quick: { type: "boolean", default: false },
        rounds: { type: "string" },
        scale: { type: "string" },
        clients: { type: "string", default: Object.keys(clients).join() },
        json: { type: "string" },
      },
    });
  } catch (error) {
    return refuse(error.message);
  }
}

function check(what, names, known) {
  for (const name of names) {
    if (!Object.hasOwn(known, name)) refuse(`There is no ${what} "${name}": ${Object.keys(known).join(", ")}`);
  }
}

const { values, positionals } = readArguments();
const chosen = values.clients.split(",");
check("client", chosen, clients);
check("section or workload", positionals, { ...sections, ...workloads });
const named = positionals.filter((name) => name in workloads);

/** How often each figure is taken; medians are shown. */
const rounds = Number(values.rounds ?? (values.quick ? 1 : 5));
if (!(Number.isInteger(rounds) && rounds > 0)) refuse("--rounds takes a whole number from 1 on");
/** How many of the messages of a workload. */
const scale = Number(values.scale ?? (values.quick ? 0.25 : 1));
if (!(scale > 0)) refuse("--scale takes a number above 0");

const stop = new AbortController();
for (const [name, number] of [["SIGINT", 2], ["SIGTERM", 15], ["SIGHUP", 1]]) {
  process.once(name, async () => {
    stop.abort();
    await ended();
    process.exit(128 + number);
  });
}
const server = await startServer(stop.signal);

const bench = {
  quick: values.quick,
  rounds,
  scale,
  clients: Object.fromEntries(Object.entries(clients).filter(([client]) => chosen.includes(client))),
  workloads: named.length > 0 ? named : Object.keys(workloads),
  port: server.port,
  /** Aborted when the benchmark is to end: what it has started ends at once. */
  signal: stop.signal,
  note: (text) => console.error(text),
  /** Runs a probe in a fresh process; undefined, and the benchmark has failed, if it does not come to a figure. */
  async probe(name, args, options) {
    try {
      return await probe(name, args, { ...options, signal: stop.signal });
    } catch (error) {
      if (stop.signal.aborted) return new Promise(() => {}); // the process is about to end
      console.error(`${[name, ...args].join(" ")}: ${error.killed ? "no end within two minutes" : error.message}`);
      process.exitCode = 1;
      return undefined;
    }
  },
};

// What a write costs the system depends on whether there is a free processor to take it.
const [busy] = loadavg();
if (busy > cpus().length / 2) bench.note(`The machine does other work (load ${busy.toFixed(1)}): the figures will not be those of a quiet one.`);

const results = {};
for (const [name, { title, measure }] of Object.entries(sections)) {
  if (positionals.length > 0 && !positionals.includes(name) && !(name === "messages" && named.length > 0)) continue;
  const begin = performance.now();
  const rows = await measure(bench);
  console.log(`${table(title, rows)}\n`);
  bench.note(`${name}: ${((performance.now() - begin) / 1000).toFixed(0)} s`);
  results[name] = rows.map(({ cells, ...row }) => row);
}
server.stop();

const date = new Date().toISOString();
const part = scale === 1 ? "" : `, ${scale} of the messages`;
console.log(`${date.slice(0, 10)}, Node ${process.versions.node}, ${cpus().length} × ${cpus()[0].model}, medians of ${rounds}${part}`);
if (values.json) writeFileSync(values.json, `${JSON.stringify({ date, node: process.versions.node, rounds, scale, results }, null, 2)}\n`);
