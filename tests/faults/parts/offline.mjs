// Pages whose network goes and comes back. Chromium says so (navigator.onLine, the events) and opens no WebSocket meanwhile, but
// leaves those that are open: the broker ends them.
import assert from "node:assert/strict";
import { eachFault, pause, within } from "../pages.mjs";
import { Random } from "../random.mjs";

export { prepare } from "../pages.mjs";

const FAULTS = 10; // of a round
const AT_ONCE = 1500; // ms
const LONG = { min: 3_600_000, max: 3_600_000, initial: true }; // pauses, unless something ends them
const SHORT = { min: 1, max: 20, initial: true };
const PAUSE = 5; // ms between messages
const NETWORK = { latency: 0, downloadThroughput: -1, uploadThroughput: -1 };

// What comes first: the end of the line, or that the platform says so. That holds back the end of a line which is in use until
// the network is back, as if it had died without a word.
const ORDERS = ["line first", "platform first", "line held back"];

async function goOffline(world, random, order) {
  const page = await world.page();
  let connections = 0;
  world.broker.server.on("connection", () => connections++);
  await world.begin(page, { reconnect: order === "line held back" ? SHORT : LONG });
  await world.until(() => world.state === "online", "the client is online");
  const settings = [page.first, 1 + random.below(8), PAUSE];
  await page.evaluate((some) => void (window.enqueueing = window.enqueueOn(...some)), settings);
  const when = random.below(40);
  await world.until(() => world.count("stored") > when, "messages are stored");

  const setOffline = (offline) => page.session.send("Network.emulateNetworkConditions", { offline, ...NETWORK });
  if (order === "line first") {
    world.cut();
    await world.until(() => world.state !== "online", "the line ends");
    await pause(random.below(100));
    await setOffline(true);
  } else {
    if (order === "platform first") await rest(page);
    await setOffline(true);
    await pause(random.below(100));
    world.cut();
  }
  if (order === "platform first") await page.evaluate((some) => void (window.enqueueing = window.enqueueOn(...some)), [settings[0] + 500_000, ...settings.slice(1)]);
  if (order !== "line held back") await world.until(() => world.state === "offline", "the client is offline", AT_ONCE);
  assert.equal(await page.evaluate(() => navigator.onLine), false);

  const [before, stored] = [connections, world.count("stored")];
  await world.until(() => world.count("stored") > stored, "messages are stored while it is offline");
  await pause(random.below(300));
  if (order !== "line held back") assert.equal(world.state, "offline");
  assert.equal(connections, before, "connections while it was offline");

  const begin = Date.now();
  await setOffline(false);
  await world.until(() => connections > before && world.state === "online", "the client is online again", AT_ONCE);
  const took = Date.now() - begin;
  await rest(page);
  await world.finish(page);
  return { [order]: 1, "ms until online": took, ...world.judge() };
}

/** No more messages, and none under way. */
const rest = (page) => within(page.evaluate(async () => {
  window.stopped = true;
  await window.enqueueing;
  await window.client.drain();
}), "the page comes to rest");

export function round({ seed, prepared, signal, short }) {
  const random = new Random(seed);
  const first = random.below(ORDERS.length);
  return eachFault(short ? 2 : FAULTS, { prepared, signal }, (world, index) => goOffline(world, random, ORDERS[(first + index) % ORDERS.length]));
}

export function check(figures) {
  assert.ok(figures.faults >= 200, `${figures.faults} faults`);
  for (const order of ORDERS) assert.ok(figures[order] >= 50, `${order}: ${figures[order]}`);
}
