// Pages whose renderer crashes while they enqueue: the next page goes on with the store.
import assert from "node:assert/strict";
import { eachFault, pause } from "../pages.mjs";
import { Random } from "../random.mjs";

export { prepare } from "../pages.mjs";

const CHAINS = 2; // of a round: pages that follow each other with one store
const CRASHES = 5; // of a chain
const MOST = 40; // stored messages of a page, until it crashes within the next few ms

const NOWHERE = "ws://127.0.0.1:9"; // of some pages: what they store the next must send

/** Has a page enqueue, and crashes it in the midst. */
async function crash(world, random) {
  const page = await world.page();
  const crashed = new Promise((resolve) => page.once("crash", resolve));
  const before = world.count("stored");
  const when = random.below(MOST);
  await world.begin(page, {}, random.chance(0.4) ? NOWHERE : world.broker.url);
  page.evaluate((settings) => window.enqueueOn(...settings), [page.first, 1 + random.below(8), random.below(5)]).catch(() => {}); // it crashes
  await world.until(() => world.count("stored") - before > when, "messages are stored");
  await pause(random.below(8));
  world.crashed.add(page.first);
  page.session.send("Page.crash").catch(() => {}); // nobody is left to answer
  await crashed;
  await page.close();
}

/** The last page finishes what all have begun. */
async function finish(world) {
  const page = await world.page();
  await world.begin(page);
  await world.finish(page, page.first, 8);
}

export function round({ seed, prepared, signal, short }) {
  const random = new Random(seed);
  return eachFault(short ? 1 : CHAINS, { prepared, signal }, async (world) => {
    const faults = short ? 2 : CRASHES;
    for (let left = faults; left > 0; left--) await crash(world, random);
    await finish(world);
    return { faults, ...world.judge() };
  });
}

export function check({ faults, stored }) {
  assert.ok(faults >= 200, `${faults} crashes`);
  assert.ok(stored >= 10 * faults, `${stored} stored`);
}
