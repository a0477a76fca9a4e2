// Processes that are killed at any moment, while messages go both ways: the next goes on with the store.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DurableBroker } from "../broker.mjs";
import { Findings } from "../judge.mjs";
import { Lives } from "../lives.mjs";
import { Random } from "../random.mjs";

const WHOLE = 10; // kills of a round
const SHORT = 4;
const EARLY = 0.2; // of the kills: while it starts, opens its store, connects
const START = 300; // ms that this takes
const WINDOW = 10; // messages that are on their way to the client

/** Keeps some on their way, once the client has subscribed. */
export function deliverTo(broker, random) {
  const { deliveries } = broker;
  return () => {
    while (deliveries.filter(({ completed }) => !completed).length < WINDOW) {
      if (broker.publish(`in/${random.below(2)}`, `${deliveries.length} ${"y".repeat(random.below(50))}`, 1 + random.below(2)).length === 0) return;
    }
  };
}

/** When a process is to be killed: some ms after it has started, or after some of its lines. */
export function drawKill(random) {
  const early = random.chance(EARLY);
  const after = early ? random.below(START) : random.below(8);
  let lines = early ? Infinity : 1 + random.below(random.of([40, 400]));
  return (life) => {
    const later = () => setTimeout(() => life.kill("SIGKILL"), after);
    if (early) later();
    return () => {
      if (lines-- === 0) later();
    };
  };
}

export async function round({ seed, signal, short }) {
  const random = new Random(seed);
  const folder = mkdtempSync(join(tmpdir(), "tarta-kills-"));
  const broker = await DurableBroker.start();
  const lives = new Lives(broker, folder, signal);
  const deliver = (broker.onsettled = deliverTo(broker, random));
  const findings = new Findings();
  const kills = short ? SHORT : WHOLE;
  try {
    for (let index = 0; index < kills; index++) {
      const kill = drawKill(random);
      const end = await lives.run({ count: null }, (life) => {
        const heard = kill(life);
        return (line) => {
          heard(line);
          deliver();
        };
      });
      assert.equal(end, "SIGKILL");
    }
    await lives.finish();
  } finally {
    await broker.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  const figures = lives.judge(findings);
  findings.check(`seed ${seed}`);
  return { kills, ...figures };
}

export function check(figures) {
  assert.ok(figures.kills >= 1000, `${figures.kills} kills`);
  assert.ok(figures.stored >= 10_000, `${figures.stored} messages stored`);
  assert.ok(figures.delivered >= 2000, `${figures.delivered} messages delivered`);
}
