// Pages whose origin may not keep any more: what does not fit is told so and goes nowhere, all else goes on; what comes at QoS 2
// is not acknowledged until there is space to keep that it has come.
import assert from "node:assert/strict";
import { FakeBroker, PUBREC, publish } from "../../web/fake-broker.mjs";
import { eachFault, pause, within } from "../pages.mjs";
import { Random } from "../random.mjs";

export { prepare } from "../pages.mjs";

const WHOLE = { out: 7, in: 3 }; // faults of a round
const SHORT = { out: 1, in: 1 };
const QUOTA = 500_000;
const AGAIN = 4500; // ms until what must be kept is tried again, at most: 1 s, 2 s, and what it takes

const overrideQuota = (world, page, quotaSize) => page.session.send("Storage.overrideQuotaForOrigin", { origin: world.origin, quotaSize });

/** Enqueues one after the other, large ones among them. */
const enqueue = (page, sizes, first) => page.evaluate(([all, number]) => Promise.all(all.map((size, index) => window.enqueue(number + index, size))), [sizes, first]);

async function out(world, random) {
  const page = await world.page();
  // Before the first write: Chromium remembers for a while how much is left.
  await overrideQuota(world, page, QUOTA);
  const offline = random.chance(0.3); // until there is space again
  const broker = world.broker.url;
  await world.begin(page, {}, offline ? "ws://127.0.0.1:9" : broker);
  const small = () => random.below(2000);
  const draw = (count, size) => Array.from({ length: count }, size);
  let next = page.first;
  const give = async (sizes) => {
    await within(enqueue(page, sizes, next), "all are stored or not");
    next += sizes.length;
    return sizes.map((size, index) => [size, world.messages.get(next - sizes.length + index)]);
  };
  const before = await give(draw(1 + random.below(10), small));
  const amid = await give(draw(10 + random.below(20), () => (random.chance(0.3) ? QUOTA + random.below(1_000_000) : small())));
  amid.push(...(await give([QUOTA + 1])));
  await overrideQuota(world, page, undefined);
  const after = await give(draw(1 + random.below(5), () => (random.chance(0.5) ? QUOTA + random.below(500_000) : small())));
  if (offline) {
    await page.evaluate(() => window.client.close());
    await world.begin(page);
  }
  await world.finish(page);
  for (const [size, { unstored }] of amid) assert.equal(unstored, size >= QUOTA ? "STORE_FAILED" : undefined, `${size} bytes`);
  for (const [size, { stored }] of [...before, ...after]) assert.ok(stored, `${size} bytes are stored while there is space`);
  return { refused: world.count("unstored"), ...world.judge() };
}

/** Leaves no space for anything. */
const fill = (page) => page.evaluate(async () => {
  const opening = indexedDB.open("ballast", 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore("all", { autoIncrement: true });
  const database = await window.request(opening);
  const put = (size) => {
    const bytes = crypto.getRandomValues(new Uint8Array(size));
    const transaction = database.transaction("all", "readwrite", { durability: "strict" });
    transaction.objectStore("all").put(bytes);
    return new Promise((resolve) => {
      transaction.oncomplete = () => resolve(true);
      transaction.onabort = () => resolve(false);
    });
  };
  for (let size = 65_536; size >= 1; size = Math.floor(size / 2)) while (await put(size));
});

async function come(world, random) {
  const broker = (world.other = await FakeBroker.start());
  const page = await world.page();
  await overrideQuota(world, page, QUOTA);
  await world.begin(page, {}, broker.url);
  const peer = await within(broker.online(), "the client connects");
  await world.until(() => world.state === "online", "the client is online");
  const kept = random.below(3); // that come before
  for (let id = 1; id <= kept; id++) {
    peer.send(publish("in", String(id), { qos: 2, id }));
    assert.equal((await within(peer.expect(PUBREC), "PUBREC")).id, id);
  }
  await fill(page);
  const ids = Array.from({ length: 1 + random.below(4) }, (_, index) => kept + 1 + index);
  for (const id of ids) peer.send(publish("in", String(id), { qos: 2, id }));
  await peer.expectNothing(200 + random.below(300));
  await overrideQuota(world, page, undefined);
  const begin = Date.now();
  for (const id of ids) assert.equal((await within(peer.expect(PUBREC), "PUBREC", AGAIN)).id, id);
  await page.evaluate(() => window.client.close());
  return { in: ids.length, "ms until acknowledged": Date.now() - begin };
}

export async function round({ seed, prepared, signal, short }) {
  const random = new Random(seed);
  const count = short ? SHORT : WHOLE;
  return eachFault(count.out + count.in, { prepared, signal }, (world, index) => (index < count.out ? out : come)(world, random));
}

export function check({ faults, refused }) {
  assert.ok(faults >= 200, `${faults} faults`);
  assert.ok(refused >= faults, `${refused} messages refused`);
}
