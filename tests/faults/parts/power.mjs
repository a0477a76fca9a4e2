// A machine whose power fails: what its disk had not synced is lost, or kept in part. See disk.mjs for what is lawful.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DurableBroker } from "../broker.mjs";
import { buildDisk, Disk } from "../disk.mjs";
import { Findings } from "../judge.mjs";
import { Lives } from "../lives.mjs";
import { Random } from "../random.mjs";
import { deliverTo, drawKill } from "./kills.mjs";

const WHOLE = 5; // losses of a round
const SHORT = 3;
const SIZES = [0, 100, 3000, 150_000]; // of messages; with the largest LevelDB soon begins another log
const OPENING = 40; // events of the disk, within which a store is opened

export function prepare() {
  buildDisk();
  return { close() {} };
}

/** `options`: more of life.mjs. Returns what was lost on the disk, beside the figures of the judge. */
export async function round({ seed, signal, short, options = {} }) {
  const random = new Random(seed);
  const root = mkdtempSync(join(tmpdir(), "tarta-power-"));
  const disk = new Disk(root);
  const broker = await DurableBroker.start();
  const lives = new Lives(broker, join(root, "deep", "store"), signal, random.of(SIZES));
  const deliver = (broker.onsettled = deliverTo(broker, random));
  const findings = new Findings();
  const figures = { losses: 0, "changes of names lost": 0, "bytes lost": 0 };
  try {
    for (; figures.losses < (short ? SHORT : WHOLE); figures.losses++) {
      const kill = random.chance(0.5) ? drawKill(random) : undefined;
      const end = kill ? 0 : 1 + random.below(OPENING);
      const code = await lives.run({ count: null, ...options }, (life) => {
        const heard = kill?.(life);
        return (line) => {
          heard?.(line);
          deliver();
        };
      }, disk.begin(end));
      assert.equal(code, "SIGKILL", `seed ${seed}`);
      const { names, bytes } = disk.fail(random);
      figures["changes of names lost"] += names;
      figures["bytes lost"] += bytes;
    }
    await lives.finish();
  } finally {
    await broker.stop();
    disk.close();
    rmSync(root, { recursive: true, force: true });
  }
  Object.assign(figures, lives.judge(findings));
  findings.check(`seed ${seed}`);
  return figures;
}

export function check(figures) {
  assert.ok(figures.losses >= 500, `${figures.losses} losses`);
  assert.ok(figures["changes of names lost"] >= 30 && figures["bytes lost"] >= 1000, "the disk has lost something");
  assert.ok(figures.stored >= 3000, `${figures.stored} messages stored`);
}
