// indexedDBStore in headless Chromium: the cases that all stores share, other tabs, and what a browser takes away.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { cases } from "../stores/cases.mjs";
import { sourceText } from "../web/source.mjs";
import { html, launchChromium, servePages } from "./chromium.mjs";

const script = (text) => ({ type: "text/javascript", text });

// What the tests call, in a page or in a Worker.
const KIT = script(`
  import { cases, bytes, readAll } from "/cases.mjs";
  import { indexedDBStore, Ledger, repairStore } from "/stores.mjs";
  let count = 0;
  const names = new Map();
  const make = () => {
    const name = "case " + count++ + " " + Math.random();
    const store = indexedDBStore(name);
    names.set(store, name);
    return store;
  };
  const again = (store) => indexedDBStore(names.get(store));
  const fate = (promise) => promise.then((value) => value ?? "done", (error) => [error.code ?? error.name, error.message, error.cause?.name].join("|"));
  const keep = (key, length = 1) => ({ kind: 1, key, bytes: new Uint8Array(length).fill(key) });
  Object.assign(globalThis, {
    indexedDBStore, Ledger, repairStore, bytes, readAll, fate, keep,
    runCase: (name) => cases[name]({ make, again }),
    async open(name) {
      const { ledger, records } = await Ledger.open(indexedDBStore(name));
      globalThis.ledger = ledger;
      return records.map(({ key }) => key).join();
    },
    // Whatever is asked of a database without tarta.
    request: (asked) => new Promise((resolve, reject) => {
      asked.onsuccess = () => resolve(asked.result);
      asked.onerror = () => reject(asked.error);
    }),
  });`);

const WORKER = script(`
  import "/kit.mjs";
  onmessage = ({ data }) => runCase(data).then(() => postMessage("done"), (error) => postMessage(error.message));`);

const PAGE = html('<!doctype html><title>stores</title><script type="module">import "/kit.mjs"; window.ready = true;</script>');

let browser;
let pages;

before(async () => {
  [browser, pages] = await Promise.all([
    launchChromium(),
    servePages({
      "/page.html": PAGE,
      "/sandboxed.html": { ...PAGE, headers: { "Content-Security-Policy": "sandbox allow-scripts" } },
      "/kit.mjs": { ...KIT, headers: { "Access-Control-Allow-Origin": "*" } },
      "/worker.mjs": WORKER,
      "/cases.mjs": { ...script(readFileSync(new URL("../stores/cases.mjs", import.meta.url), "utf8")), headers: { "Access-Control-Allow-Origin": "*" } },
      "/stores.mjs": { ...script(await sourceText("stores/indexeddb.ts", "stores/ledger.ts", "stores/repair.ts")), headers: { "Access-Control-Allow-Origin": "*" } },
    }),
  ]);
});
after(() => Promise.all([browser?.close(), pages?.stop()]));

/** A page of its own world, or one more of `context`'s; of the host insecure.test it is none that browsers call secure. */
async function open(t, { context, path = "/page.html", host = "127.0.0.1" } = {}) {
  const world = context ?? (await browser.newContext());
  if (!context) t.after(() => world.close());
  const page = await world.newPage();
  page.setDefaultTimeout(10_000);
  page.on("pageerror", (error) => assert.fail(error));
  await page.goto(pages.url.replace("127.0.0.1", host) + path);
  await page.waitForFunction(() => window.ready);
  return page;
}

describe("indexedDBStore", () => {
  for (const name of Object.keys(cases)) {
    test(name, async (t) => (await open(t)).evaluate((one) => window.runCase(one), name));
  }

  // Without locks the newest gets it: another test.
  for (const name of Object.keys(cases).filter((name) => !/alone/.test(name))) {
    test(`in a page without locks: ${name}`, async (t) => {
      const page = await open(t, { host: "insecure.test" });
      assert.equal(await page.evaluate(() => navigator.locks), undefined);
      await page.evaluate((one) => window.runCase(one), name);
    });
  }

  test("all that in a Worker", async (t) => {
    const page = await open(t);
    for (const name of Object.keys(cases)) {
      const said = await page.evaluate((one) => new Promise((resolve) => {
        const worker = new Worker("/worker.mjs", { type: "module" });
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = ({ message }) => resolve(message);
        worker.postMessage(one);
      }), name);
      assert.equal(said, "done", name);
    }
  });
});

describe("tabs", () => {
  test("one has it at a time; another gets it when that one has gone", async (t) => {
    const one = await open(t);
    const two = await open(t, { context: one.context() });
    assert.equal(await one.evaluate(() => window.open("db")), "");
    await one.evaluate(() => window.ledger.write([window.keep(1)]));
    assert.match(await two.evaluate(() => window.fate(window.open("db"))), /^STORE_IN_USE\|open: store in use: another tab/);
    assert.equal(await two.evaluate(() => window.open("other")), "");
    await one.close();
    assert.equal(await two.evaluate(() => window.open("db")), "1");
  });

  test("a page that is reloaded gets its own again, with what it has kept", async (t) => {
    const page = await open(t);
    for (let round = 0; round < 8; round++) {
      const expected = Array.from({ length: round }, (_, index) => index).join();
      assert.equal(await page.evaluate(() => window.open("db")), expected);
      await page.evaluate((key) => window.ledger.write([window.keep(key)]), round);
      await page.reload({ waitUntil: "commit" });
      await page.waitForFunction(() => window.ready);
    }
  });

  test("without locks the newest gets it, and the other is told with its next write, which does nothing", async (t) => {
    const one = await open(t, { host: "insecure.test" });
    const two = await open(t, { host: "insecure.test", context: one.context() });
    await one.evaluate(() => window.open("db"));
    await one.evaluate(() => window.ledger.write([window.keep(1)]));
    assert.equal(await two.evaluate(() => window.open("db")), "1");
    assert.match(await one.evaluate(() => window.fate(window.ledger.write([window.keep(2)]))), /^STORE_IN_USE\|/);
    assert.match(await one.evaluate(() => window.fate(window.ledger.write([window.keep(3)]))), /^STORE_IN_USE\|/);
    await one.evaluate(() => window.ledger.close());
    await two.evaluate(async () => {
      await window.ledger.write([window.keep(4)]);
      await window.ledger.close();
    });
    assert.equal(await two.evaluate(() => window.open("db")), "1,4");
  });
});

describe("what a browser takes away", () => {
  test("space: fails what does not fit, and nothing else", async (t) => {
    const page = await open(t);
    const session = await page.context().newCDPSession(page);
    // Before the first write: Chromium remembers for a while how much is left.
    await session.send("Storage.overrideQuotaForOrigin", { origin: pages.url, quotaSize: 500_000 });
    await page.evaluate(() => window.open("db"));
    await page.evaluate(() => window.ledger.write([window.keep(1)]));
    assert.equal(await page.evaluate(() => window.fate(window.ledger.write([window.keep(2, 2 ** 21)]))),
      "STORE_FAILED|session: store failed: there is no space left|QuotaExceededError");
    await session.send("Storage.overrideQuotaForOrigin", { origin: pages.url });
    await page.evaluate(async () => {
      await window.ledger.write([window.keep(3, 2 ** 21)]);
      await window.ledger.close();
    });
    assert.equal(await page.evaluate(() => window.open("db")), "1,3");
  });

  test("the database: whoever deletes it is not hindered, and the client is told", async (t) => {
    const one = await open(t);
    const two = await open(t, { context: one.context() });
    await one.evaluate(() => window.open("db"));
    await one.evaluate(() => window.ledger.write([window.keep(1)]));
    assert.equal(await two.evaluate(() => window.fate(window.request(indexedDB.deleteDatabase("db")))), "done");
    assert.match(await one.evaluate(() => window.fate(window.ledger.write([window.keep(2)]))), /^STORE_FAILED\|.*being deleted/);
    assert.match(await one.evaluate(() => window.fate(window.ledger.write([window.keep(2)]))), /^STORE_FAILED\|.*being deleted/);
    await one.evaluate(() => window.ledger.close());
    assert.equal(await two.evaluate(() => window.open("db")), "");
  });

  test("all data of the origin", async (t) => {
    const page = await open(t);
    const session = await page.context().newCDPSession(page);
    await page.evaluate(() => window.open("db"));
    await page.evaluate(() => window.ledger.write([window.keep(1)]));
    await session.send("Storage.clearDataForOrigin", { origin: pages.url, storageTypes: "all" });
    assert.match(await page.evaluate(() => window.fate(window.ledger.write([window.keep(2)]))), /^STORE_FAILED\|.*(closed the database|being deleted)/);
    await page.evaluate(() => window.ledger.close());
    assert.equal(await page.evaluate(() => window.open("db")), "");
  });

  test("the permission to keep anything", async (t) => {
    const page = await open(t, { path: "/sandboxed.html" });
    assert.match(await page.evaluate(() => window.fate(window.open("db"))), /^UNSUPPORTED\|open/);
  });
});

describe("a database that does not serve", () => {
  test("while another page hinders its deletion: rejects when ten seconds are over, and leaves nothing behind", async (t) => {
    const one = await open(t);
    await one.evaluate(async () => {
      await window.open("db");
      await window.ledger.close();
      window.held = await window.request(indexedDB.open("db"));
      window.deleting = window.request(indexedDB.deleteDatabase("db"));
    });
    const two = await open(t, { context: one.context() });
    await two.clock.install();
    await two.evaluate(() => void (window.opening = window.fate(window.open("db"))));
    await new Promise((resolve) => setTimeout(resolve, 200));
    await two.clock.runFor(10_000);
    assert.match(await two.evaluate(() => window.opening), /^STORE_FAILED\|.*does not open/);
    await one.evaluate(async () => {
      window.held.close();
      await window.deleting;
    });
    assert.equal(await one.evaluate(() => window.open("db")), "");
    await one.evaluate(() => window.ledger.close());
    // The late one has let go.
    assert.equal(await two.evaluate(() => window.fate(window.request(indexedDB.deleteDatabase("db")))), "done");
  });

  test("as it is of a newer version, or of another kind", async (t) => {
    const page = await open(t);
    await page.evaluate(async () => (await window.request(indexedDB.open("newer", 2))).close());
    assert.match(await page.evaluate(() => window.fate(window.open("newer"))), /^STORE_VERSION\|/);
    await page.evaluate(async () => (await window.request(indexedDB.open("other"))).close());
    for (let round = 0; round < 2; round++) assert.match(await page.evaluate(() => window.fate(window.open("other"))), /^STORE_CORRUPT\|.*not one of tarta's/);
    assert.equal(await page.evaluate(() => window.fate(window.request(indexedDB.deleteDatabase("other")))), "done");
  });

  test("as something has changed it: is found corrupt, and repaired", async (t) => {
    const page = await open(t);
    await page.evaluate(async () => {
      await window.open("db");
      await window.ledger.write([window.keep(1, 100), window.keep(2, 100), window.keep(3, 100)]);
      await window.ledger.close();
      const database = await window.request(indexedDB.open("db"));
      const records = database.transaction("records", "readwrite").objectStore("records");
      const value = await window.request(records.get(2));
      value[50] ^= 1;
      await window.request(records.put(value, 2));
      database.close();
    });
    assert.match(await page.evaluate(() => window.fate(window.open("db"))), /^STORE_CORRUPT\|.*repairStore/);
    assert.deepEqual(await page.evaluate(() => window.repairStore(window.indexedDBStore("db"))),
      { whole: false, kept: 2, damaged: [{ kind: "message", key: 2 }], outdated: 0, missing: 0, extra: 0 });
    assert.equal(await page.evaluate(() => window.open("db")), "1,3");
  });

  test("a batch that a browser does not take changes nothing", async (t) => {
    const page = await open(t);
    const found = await page.evaluate(async () => {
      const opened = await window.indexedDBStore("db").open();
      await opened.write([[1, window.bytes(1)]]);
      const fate = await window.fate(opened.write([[1, undefined], [2, window.bytes(2)], [3, () => {}], [4, window.bytes(4)]]));
      return [fate.split("|")[0], (await window.readAll(opened)).map(([key]) => key)];
    });
    assert.deepEqual(found, ["STORE_FAILED", [1]]);
  });
});
