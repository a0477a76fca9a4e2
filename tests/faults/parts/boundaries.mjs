// A kill at every write of the store: a fixed conversation, with a process that dies at its first write, its second, … until one
// goes through; each time before the write, amid it, or when it is on disk and nobody has heard of it. The next process finishes.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DurableBroker } from "../broker.mjs";
import { Findings } from "../judge.mjs";
import { Lives } from "../lives.mjs";
import { Random } from "../random.mjs";

const SIDES = ["before", "amid", "after"];
// A round takes each sixth write on one side. All are taken five times, as what is written together differs from run to run.
const STRIDE = 6;
const LEAST = 3; // times that each kind of record must have been met on each side

const KINDS = ["message", "released", "inbound", "subscription", "client", "forgotten"];
const IN = [[2, "0 exactly"], [1, "1 at least"], [2, "2 exactly"]]; // what is delivered
const AGAIN = 0.3; // of the processes that are to finish: these die at a write, too

/** A conversation that dies at this write, and its end. Returns what was written there; undefined if it went through. */
async function dieAt(kill, random, signal) {
  const folder = mkdtempSync(join(tmpdir(), "tarta-boundaries-"));
  const broker = await DurableBroker.start();
  const lives = new Lives(broker, folder, signal);
  const findings = new Findings();
  let killed;
  const heard = (line) => {
    if (line.startsWith("killed ")) killed ??= line.slice("killed ".length).split(",");
    if (line === "ready" && broker.deliveries.length === 0) for (const [qos, text] of IN) broker.publish("in/0", text, qos);
  };
  const watch = (life) => (line) => {
    heard(line);
    if (line === "drained") life.stdin.end();
  };
  try {
    const end = await lives.run({ conversation: true, kill }, watch);
    assert.equal(end, killed ? "SIGKILL" : 0);
    if (killed && random.chance(AGAIN)) await lives.run({ kill: { write: 1 + random.below(4), side: random.of(SIDES) } }, watch);
    await lives.finish(heard);
  } finally {
    await broker.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  lives.judge(findings);
  findings.check(`${kill.side} write ${kill.write}`);
  return killed;
}

export async function round({ seed, index, signal, short }) {
  const random = new Random(seed);
  const side = SIDES[index % SIDES.length];
  const figures = { boundaries: 0 };
  for (let write = 1 + (Math.floor(index / SIDES.length) % STRIDE); ; write += STRIDE) {
    const killed = await dieAt({ side, write }, random, signal);
    if (!killed) break;
    figures.boundaries++;
    for (const kind of killed) figures[`${side} ${kind}`] = (figures[`${side} ${kind}`] ?? 0) + 1;
    if (short && figures.boundaries >= 3) break;
  }
  return figures;
}

export function check(figures) {
  assert.ok(figures.boundaries >= 150, `${figures.boundaries} boundaries`);
  for (const side of SIDES) {
    for (const kind of KINDS) assert.ok(figures[`${side} ${kind}`] >= LEAST, `${side} a write of kind "${kind}": ${figures[`${side} ${kind}`]}`);
  }
}
