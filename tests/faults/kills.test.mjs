// Processes that are killed at any moment: what was stored arrives, what was published at QoS 2 arrives once, in its order.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { DurableBroker } from "./broker.mjs";

const KILLS = Number(process.env.TARTA_FAULTS_KILLS ?? 25);
const SEED = Number(process.env.TARTA_FAULTS_SEED ?? Date.now() % 1_000_000);
const PUBLISHER = fileURLToPath(new URL("publisher.mjs", import.meta.url));
const EACH = 1_000_000; // numbers that a process may use

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Runs a publisher; `heard(line)` may kill it. Resolves with how it has ended. */
function publisher(broker, folder, first, count, heard) {
  const child = spawn(process.execPath, [PUBLISHER, broker.url, folder, first, count], { stdio: ["ignore", "pipe", "inherit"] });
  createInterface({ input: child.stdout }).on("line", (line) => heard(line, () => child.kill("SIGKILL")));
  return new Promise((resolve) => child.once("close", (code, signal) => resolve(signal ?? code)));
}

test(`${KILLS} kills of a process that publishes`, async (t) => {
  t.diagnostic(`TARTA_FAULTS_SEED=${SEED}`);
  const next = random(SEED);
  const folder = mkdtempSync(join(tmpdir(), "tarta-kills-"));
  const broker = await DurableBroker.start();
  t.after(async () => {
    await broker.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const stored = [];
  for (let round = 0; round < KILLS; round++) {
    const when = Math.floor(next() * 40); // stored messages, until it is killed within the next few ms
    let count = 0;
    const end = await publisher(broker, folder, round * EACH, EACH, (line, kill) => {
      stored.push(Number(/^stored (\d+)$/.exec(line)[1]));
      if (count++ === when) setTimeout(kill, next() * 8);
    });
    assert.equal(end, "SIGKILL");
  }
  const end = await publisher(broker, folder, KILLS * EACH, 8, (line) => line !== "done" && stored.push(Number(/^stored (\d+)$/.exec(line)[1])));
  assert.equal(end, 0);

  assert.deepEqual(broker.violations, []);
  const accepted = broker.log.map(({ text }) => Number(text));
  const arrived = new Set(accepted);
  const lost = stored.filter((number) => !arrived.has(number));
  const twice = broker.log.filter(({ qos, text }, index) => qos === 2 && broker.log.findIndex((one) => one.text === text) < index);
  const firsts = [...arrived];
  const early = firsts.filter((number, index) => index > 0 && number < firsts[index - 1]);
  t.diagnostic(`${stored.length} stored, ${arrived.size} arrived; ${lost.length} lost, ${twice.length} of QoS 2 twice, ${early.length} out of order`);
  assert.deepEqual({ lost, twice, early }, { lost: [], twice: [], early: [] });
  assert.equal(new Set(broker.log.map(({ client }) => client)).size, 1, "all are of one client");
  assert.ok(stored.length > KILLS, "something was stored");
});
