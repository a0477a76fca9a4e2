// Pages whose database is deleted while they enqueue, by another page or with all data of the origin. Whoever does that wants
// what was kept to be gone; the client must tell that nothing is kept any more, and settle every promise.
import assert from "node:assert/strict";
import { eachFault, STORE, within } from "../pages.mjs";
import { Random } from "../random.mjs";

export { prepare } from "../pages.mjs";

const FAULTS = 10; // of a round
const PAUSE = 3; // ms between messages
const CLOSING = 6000; // ms that close() may take

const WAYS = {
  async "another page"(world) {
    const other = await world.page();
    return () => other.evaluate((name) => window.request(indexedDB.deleteDatabase(name)), STORE);
  },
  "the page itself": (world, page) => () => page.evaluate((name) => window.request(indexedDB.deleteDatabase(name)), STORE),
  "the browser": ({ origin }, page) => () => page.session.send("Storage.clearDataForOrigin", { origin, storageTypes: "all" }),
};

async function remove(world, random, way) {
  const page = await world.page();
  const act = await WAYS[way](world, page);
  await world.begin(page);
  const settings = [page.first, 1 + random.below(8), PAUSE];
  await page.evaluate((some) => void (window.enqueueing = window.enqueueOn(...some)), settings);
  const when = random.below(40);
  await world.until(() => world.count("stored") > when, "messages are stored");
  if (random.chance(0.5)) world.cut(); // some are stored and not sent then
  await within(act(), "the database is deleted");

  await world.until(() => world.count("unstored") > 0, "the client tells that it stores nothing");
  const begin = Date.now();
  const next = await within(page.evaluate(async () => {
    window.stopped = true;
    return window.enqueueing;
  }), "each message is stored or not");
  await within(page.evaluate((some) => window.enqueueAll(...some), [next, 5]), "each message is stored or not");
  const late = [...world.messages].filter(([number]) => number >= next);
  for (const [number, { unstored }] of late) assert.equal(unstored, "STORE_FAILED", `${number}, enqueued without a database`);
  await within(page.evaluate(() => window.client.close()), "close()", CLOSING);
  await world.settled();
  const took = Date.now() - begin;
  const codes = new Set([...world.messages.values()].map(({ unstored }) => unstored ?? "STORE_FAILED"));
  assert.deepEqual([...codes], ["STORE_FAILED"]);

  await world.begin(page);
  await world.finish(page, next + 5, 8);
  const figures = world.judge({ clients: 2, forgotten: (number) => number < next + 5 });
  return { [way]: 1, "ms until all is told": took, refused: world.count("unstored"), ...figures };
}

export function round({ seed, prepared, signal, short }) {
  const random = new Random(seed);
  const ways = Object.keys(WAYS);
  const first = random.below(ways.length);
  return eachFault(short ? 2 : FAULTS, { prepared, signal }, (world, index) => remove(world, random, ways[(first + index) % ways.length]));
}

export function check(figures) {
  assert.ok(figures.faults >= 200, `${figures.faults} faults`);
  for (const way of Object.keys(WAYS)) assert.ok(figures[way] >= 50, `${way}: ${figures[way]}`);
}
