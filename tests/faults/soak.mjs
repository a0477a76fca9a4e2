// The whole of the faults, part by part; see scripts/soak, which checks the arguments.
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { add, loadPart, PARTS } from "./parts.mjs";
import { seedOf } from "./random.mjs";
import { writeReport } from "./report.mjs";

const folder = process.env.TARTA_SOAK_STATE ? pathToFileURL(`${process.env.TARTA_SOAK_STATE}/`) : new URL("../../build/soak/", import.meta.url);

// ---- what was done so far ----

const stateFile = (name) => new URL(`${name}.json`, folder);

function readState(name) {
  try {
    return JSON.parse(readFileSync(stateFile(name), "utf8"));
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}

function keepState(name, state) {
  const file = stateFile(name);
  const fresh = new URL(`${name}.json.new`, folder);
  writeFileSync(fresh, `${JSON.stringify(state, null, 2)}\n`);
  renameSync(fresh, file);
}

const machine = () => `${cpus().length} × ${cpus()[0].model.trim()}, Node ${process.versions.node}`;
const tell = (figures) => Object.entries(figures).map(([what, figure]) => `${what} ${figure.toLocaleString("en")}`).join(", ");

// ---- running ----

async function run(name, { rounds, seed, signal }) {
  const part = await loadPart(name);
  const all = rounds ?? part.rounds;
  const before = readState(name);
  const goesOn = before !== undefined && (seed === undefined || seed === before.seed);
  const state = goesOn ? before : { seed: seed ?? Date.now() % 1_000_000, done: 0, seconds: 0, figures: {}, machine: machine() };
  console.log(`${name}: ${part.title} (seed ${state.seed})`);
  if (state.done >= all) console.log(`  was done before, on ${state.date} with seed ${state.seed}; --afresh begins it again`);
  else if (goesOn) console.log(`  goes on behind round ${state.done} of ${all}`);
  if (state.done < all) {
    const prepared = await part.prepare?.();
    try {
      while (state.done < all && !signal.aborted) {
        const begin = Date.now();
        const say = (text) => console.log(`  ${text}`);
        const roundSeed = seedOf(state.seed, name, state.done);
        const figures = await part.round({ seed: roundSeed, index: state.done, prepared, say, signal, short: false });
        if (signal.aborted) break; // what is half done is done again
        state.figures = add(state.figures, figures);
        state.done++;
        state.seconds += (Date.now() - begin) / 1000;
        state.date = new Date().toISOString().slice(0, 10);
        keepState(name, state);
        console.log(`  ${state.done} of ${all}: ${tell(state.figures)}`);
      }
    } finally {
      await prepared?.close();
    }
  }
  if (state.done < all) return undefined;
  if (all >= part.rounds) part.check?.(state.figures);
  console.log(`  ✓ ${tell(state.figures)}`);
  return state;
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      list: { type: "boolean" },
      rounds: { type: "string" },
      seed: { type: "string" },
      afresh: { type: "boolean" },
      report: { type: "boolean" },
    },
  });
  const [rounds, seed] = [values.rounds, values.seed].map((text) => (text === undefined ? undefined : Number(text)));
  const parts = Object.entries(PARTS);
  if (values.list) {
    for (const [name, part] of parts) console.log(`${name.padEnd(12)} ${readState(name)?.done ?? 0} of ${part.rounds}  ${part.title}`);
    return 0;
  }
  if (values.report) {
    writeReport(parts.map(([name, part]) => ({ name, part, state: readState(name) })));
    return 0;
  }
  const names = positionals.length > 0 ? positionals : Object.keys(PARTS);
  mkdirSync(folder, { recursive: true });
  if (values.afresh) for (const name of names) rmSync(stateFile(name), { force: true });
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"]) process.on(name, () => stop.abort());
  let passed = 0;
  let failed = 0;
  for (const name of names) {
    if (stop.signal.aborted) break;
    try {
      if (await run(name, { rounds, seed, signal: stop.signal })) passed++;
    } catch (error) {
      if (stop.signal.aborted) break;
      failed++;
      console.log(`  ✗ ${error.stack}`);
    }
  }
  if (stop.signal.aborted) console.log(`Stopped; the same command${values.afresh ? " without --afresh" : ""} goes on where it was.`);
  console.log(`${passed} passed, ${failed} failed`);
  return stop.signal.aborted ? 130 : failed === 0 ? 0 : 1;
}

process.exitCode = await main();
