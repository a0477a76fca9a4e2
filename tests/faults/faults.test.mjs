// Each part in small, for some seconds; scripts/soak is the whole.
import { test } from "node:test";
import { add, loadParts } from "./parts.mjs";
import { seedOf } from "./random.mjs";

const SECONDS = Number(process.env.TARTA_FAULTS_SECONDS ?? 60);
const SEED = Number(process.env.TARTA_FAULTS_SEED ?? Date.now() % 1_000_000);

const parts = await loadParts();
for (const [name, { title, rounds, prepare, round }] of parts) {
  test(title, { timeout: (SECONDS + 60) * 1000 }, async (t) => {
    t.diagnostic(`TARTA_FAULTS_SEED=${SEED}`);
    const prepared = await prepare?.();
    t.after(() => prepared?.close());
    const end = Date.now() + (SECONDS * 1000) / parts.size;
    let figures = {};
    let done = 0;
    do {
      const seed = seedOf(SEED, name, done++);
      figures = add(figures, await round({ seed, index: seed % rounds, prepared, say: () => {}, signal: t.signal, short: true }));
    } while (Date.now() < end);
    t.diagnostic(Object.entries(figures).map(([what, figure]) => `${what} ${figure}`).join(", "));
  });
}
