// Each part in small, for some seconds; scripts/soak is the whole.
import { test } from "node:test";
import { add, loadPart, PARTS } from "./parts.mjs";
import { seedOf } from "./random.mjs";

const SECONDS = Number(process.env.TARTA_FAULTS_SECONDS ?? 60);
const SEED = Number(process.env.TARTA_FAULTS_SEED ?? Date.now() % 1_000_000);

const names = Object.keys(PARTS);
for (const name of names) {
  const { title, rounds, prepare, round } = await loadPart(name);
  test(title, { timeout: (SECONDS + 60) * 1000 }, async (t) => {
    t.diagnostic(`TARTA_FAULTS_SEED=${SEED}`);
    const prepared = await prepare?.();
    t.after(() => prepared?.close());
    const end = Date.now() + (SECONDS * 1000) / names.length;
    let figures = {};
    let done = 0;
    do {
      const seed = seedOf(SEED, name, done++);
      figures = add(figures, await round({ seed, index: seed % rounds, prepared, say: () => {}, signal: t.signal, short: true }));
    } while (Date.now() < end);
    t.diagnostic(Object.entries(figures).map(([what, figure]) => `${what} ${figure}`).join(", "));
  });
}
