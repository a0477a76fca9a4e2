// Pages that the browser freezes while they enqueue, as it does with those in the background, and that come back; in half of the
// cases the line has ended meanwhile.
import assert from "node:assert/strict";
import { eachFault, pause, within } from "../pages.mjs";
import { Random } from "../random.mjs";

export { prepare } from "../pages.mjs";

const FAULTS = 10; // of a round
const TICK = 10; // ms, by which a page notices that it stood still
const PAUSE = 3; // ms between messages

async function freeze(world, random) {
  const page = await world.backgroundPage();
  await world.begin(page);
  await page.evaluate(([tick, ...settings]) => {
    window.stood = 0;
    let before = performance.now();
    setInterval(() => {
      const now = performance.now();
      window.stood = Math.max(window.stood, now - before);
      before = now;
    }, tick);
    window.enqueueing = window.enqueueOn(...settings);
  }, [TICK, page.first, 1 + random.below(8), PAUSE]);
  const when = random.below(40);
  await world.until(() => world.count("stored") > when, "messages are stored");
  await page.send("Page.setWebLifecycleState", { state: "frozen" });
  const time = 100 + random.below(500);
  const cut = random.chance(0.5);
  await pause(time / 2);
  if (cut) world.cut();
  await pause(time / 2);
  await page.send("Page.setWebLifecycleState", { state: "active" });
  if (random.chance(0.5)) await page.send("Page.bringToFront"); // else it goes on behind
  const finished = page.evaluate(async () => {
    window.stopped = true;
    await window.enqueueing;
    await window.client.drain();
    await new Promise((resolve) => setTimeout(resolve, 20)); // until it has noticed
    await window.client.close();
    return window.stood;
  });
  const stood = await within(finished, "the page finishes");
  assert.ok(stood > 0.8 * time, `the page was frozen for ${time} ms, and noticed ${stood}`);
  return { "lines cut": cut ? 1 : 0, ...world.judge() };
}

export function round({ seed, prepared, signal, short }) {
  const random = new Random(seed);
  return eachFault(short ? 2 : FAULTS, { prepared, signal }, (world) => freeze(world, random));
}

export function check(figures) {
  assert.ok(figures.faults >= 200, `${figures.faults} faults`);
  assert.ok(figures["lines cut"] >= 0.3 * figures.faults, `${figures["lines cut"]} lines cut`);
}
