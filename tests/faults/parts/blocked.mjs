// Pages that do not get their database: another page has it, or a newer version of it, upgrades it for a while, or hinders its
// deletion. The client says so in bounded time, and has it when the other is gone; one that waited goes on by itself.
import assert from "node:assert/strict";
import { eachFault, pause, STORE, within } from "../pages.mjs";
import { Random } from "../random.mjs";

export { prepare } from "../pages.mjs";

const NOWHERE = "ws://127.0.0.1:9";
const SOON = 4000; // ms until a database that is free is had, or told not to be
const PATIENCE = { least: 9500, most: 14_000 }; // ms until the client gives up

// What the other page does, how it lets go, and what the client says. `loses`: what was kept is gone then.
const HOLDS = {
  "a newer version": {
    code: "STORE_VERSION",
    loses: true,
    hold: async ([name]) => void (window.held = await window.request(indexedDB.open(name, 2))),
    release: async (name) => {
      window.held.close();
      await window.request(indexedDB.deleteDatabase(name));
    },
  },
  "a client": {
    code: "STORE_IN_USE",
    async hold([, number]) {
      window.begin("ws://127.0.0.1:9"); // nobody is there
      await window.enqueueAll(number, 1);
    },
    release: () => window.client.close(),
  },
  "an upgrade": {
    hold: ([name]) => new Promise((upgrading) => {
      const opening = indexedDB.open(name, 2);
      window.ended = new Promise((resolve) => (opening.onerror = resolve));
      opening.onupgradeneeded = () => {
        const any = opening.result.createObjectStore("other");
        const goOn = () => {
          if (window.enough) opening.transaction.abort();
          else any.get(0).onsuccess = goOn;
        };
        goOn();
        upgrading();
      };
    }),
    async release() {
      window.enough = true;
      await window.ended;
    },
  },
  "a deletion": {
    loses: true,
    hold: async ([name]) => {
      window.held = await window.request(indexedDB.open(name));
      window.deleting = window.request(indexedDB.deleteDatabase(name));
    },
    async release() {
      window.held.close();
      await window.deleting;
    },
  },
};

/** `time`: how long it is held, in ms, for a client that waits; undefined: until that has given up. */
async function block(world, random, kind, time) {
  const { code = "STORE_FAILED", loses = false, hold, release } = HOLDS[kind];
  const page = await world.page();
  const other = await world.page();
  let next = page.first;
  const give = async (count, most) => {
    const given = page.evaluate((some) => window.enqueueAll(...some), [next, count]);
    next += count;
    await within(given, "each message is stored or not", most);
  };
  if (loses || random.chance(0.5)) {
    await world.begin(page, {}, NOWHERE);
    await give(3);
    await page.evaluate(() => window.client.close());
  }
  await other.evaluate(hold, [STORE, next++]);
  const before = next;

  const begin = Date.now();
  await world.begin(page);
  const giving = give(5, PATIENCE.most);
  if (time !== undefined) {
    await pause(time);
    for (let number = before; number < next; number++) assert.deepEqual(world.messages.get(number), {}, "nothing is told meanwhile");
    await other.evaluate(release, STORE);
    await within(giving, "the client goes on by itself", SOON);
  } else {
    await giving;
    const took = Date.now() - begin;
    for (let number = before; number < next; number++) assert.equal(world.messages.get(number).unstored, code, kind);
    assert.equal(await page.evaluate(() => window.connecting), code);
    if (code === "STORE_FAILED") assert.ok(took > PATIENCE.least, `gave up after ${took} ms`);
    else assert.ok(took < SOON, `${code} after ${took} ms`);
    await other.evaluate(release, STORE);
    await world.begin(page);
  }
  await world.finish(page, next, 3);
  for (let number = next; number < next + 3; number++) assert.ok(world.messages.get(number).acked, "what is enqueued at last arrives");
  return { [kind]: 1, "given up": time === undefined ? 1 : 0, ...world.judge({ forgotten: (number) => loses && number < before }) };
}

export function round({ seed, prepared, signal, short }) {
  const random = new Random(seed);
  const briefly = () => 100 + random.below(short ? 1000 : 4000);
  const brief = [
    ["an upgrade", briefly()], ["a deletion", briefly()], ["a newer version"], ["a client"],
    ["an upgrade", briefly()], ["a deletion", briefly()], ["a newer version"], ["a client"],
  ];
  const faults = short ? brief.slice(random.below(4)).slice(0, 3) : [["an upgrade"], ["a deletion"], ...brief];
  // All at once: a client gives up after ten seconds.
  const run = (world, index) => block(world, new Random(seed + index), ...faults[index]);
  return eachFault(faults.length, { prepared, signal, together: true }, run);
}

export function check(figures) {
  assert.ok(figures.faults >= 200, `${figures.faults} faults`);
}
