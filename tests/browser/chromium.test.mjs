// The list of cases in a page of headless Chromium, and the build for a plain <script>.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { startAedes } from "../brokers/aedes.mjs";
import { plan } from "../brokers/cases.mjs";
import { startFaults } from "../brokers/faults.mjs";
import { startMosquitto } from "../brokers/mosquitto.mjs";
import { html, launchChromium, servePages } from "./chromium.mjs";

const DIST = fileURLToPath(new URL("../../web/dist", import.meta.url));
const BROKERS = fileURLToPath(new URL("../brokers", import.meta.url));

// The functions that the tests call in the page.
const casesPage = html(`<!doctype html><title>cases</title><script type="module">
  import * as tarta from "/dist/tarta.mjs";
  import { plan } from "/brokers/cases.mjs";
  import { runCase } from "/brokers/kit.mjs";
  window.exportedNames = () => Object.keys(tarta).sort();
  // Lives in a Worker, unless a case brings what cannot go there.
  class WorkerClient extends tarta.Client {
    constructor(url, options = {}) {
      super(url, options.WebSocket ? options : { worker: true, ...options });
    }
  }
  window.runPlanned = (offers, index, { broker, faults, worker }) => {
    const { entry, version } = plan(offers)[index];
    const used = worker ? { ...tarta, Client: WorkerClient } : tarta;
    return runCase(entry, version, { tarta: used, WebSocket, platform: "browser", broker, faults });
  };
  const closed = [];
  window.openAndClose = async (url) => {
    const client = await tarta.connect(url);
    await client.subscribe("x", { qos: 1 }, () => {});
    await client.publish("x", "y", { qos: 1 });
    await client.close();
    closed.push(new WeakRef(client));
  };
  window.stillThere = () => closed.filter((client) => client.deref()).length;
</script>`);

const script = (source) => `<!doctype html><title>script</title><p id="said"></p>
<script src="${source}"></script>
<script>
  async function hear(url) {
    const client = await tarta.connect(url);
    await client.subscribe("script/{what}", (message) => {
      document.getElementById("said").textContent = message.params.what + ": " + message.text();
    });
    await client.publish("script/tag", "works");
  }
</script>`;

let browser;
let pages;
let mosquitto;
let cases; // one page for all: Chromium slows down the WebSockets of a page that sees more of them fail than open

before(async () => {
  [browser, mosquitto, pages] = await Promise.all([
    launchChromium(),
    startMosquitto(),
    servePages({ "/dist/": DIST, "/brokers/": BROKERS, "/cases.html": casesPage, "/script.html": html(script("/dist/tarta.js")) }),
  ]);
  cases = await open(`${pages.url}/cases.html`);
  await cases.page.waitForFunction(() => window.runPlanned);
});
after(() => Promise.all([browser?.close(), mosquitto?.stop(), pages?.stop()]));

async function open(url) {
  const page = await browser.newPage();
  page.setDefaultTimeout(10_000);
  const problems = [];
  page.on("pageerror", (error) => problems.push(error.message));
  await page.goto(url);
  return { page, problems };
}

const brokers = [
  { name: "Mosquitto", start: () => ({ url: mosquitto.url, guarded: mosquitto.guarded }), offers: { versions: [5, 4, 3], guarded: true, slow: true } },
  { name: "Mosquitto behind a proxy", start: () => ({ url: mosquitto.front.url }), offers: { versions: [5, 4] } },
  { name: "aedes", start: startAedes, offers: { versions: [4, 3] } },
  { name: "no broker", start: () => ({}), offers: { versions: [5, 4], alone: true } },
];

// Behind a Worker, what lies between the Worker and the broker makes no further difference.
const inWorker = brokers.filter(({ name }) => !name.includes("proxy")).map((one) => ({ ...one, worker: true }));

for (const { name, start, offers, worker = false } of [...brokers, ...inWorker]) {
  describe(`a ${worker ? "Worker" : "page"} with ${name}`, { concurrency: 4 }, () => {
    let broker;
    let servers;
    before(async () => {
      [broker, servers] = await Promise.all([start(), startFaults()]);
    });
    after(() => Promise.all([broker?.stop?.(), servers?.stop()]));

    plan(offers).forEach(({ title }, index) => {
      test(title, async () => {
        const environment = { broker: { url: broker.url, guarded: broker.guarded }, faults: servers.urls, worker };
        await cases.page.evaluate((call) => window.runPlanned(...call), [offers, index, environment]);
      });
    });
  });
}

test("what a closed client has used is given back", async () => {
  const { page } = await open(`${pages.url}/cases.html`);
  await page.waitForFunction(() => window.openAndClose);
  for (let count = 0; count < 10; count++) await page.evaluate((url) => window.openAndClose(url), mosquitto.front.url);

  const inspector = await page.context().newCDPSession(page);
  let left;
  for (let attempt = 0; attempt < 20 && left !== 0; attempt++) {
    await page.waitForTimeout(100);
    await inspector.send("HeapProfiler.collectGarbage");
    left = await page.evaluate(() => window.stillThere());
  }
  assert.equal(left, 0, "clients that are still in memory");
  await page.close();
});

test("no error of the page went unseen", () => assert.deepEqual(cases.problems, []));

describe("the build for a plain <script>", () => {
  async function speaks(url) {
    const { page, problems } = await open(url);
    await page.evaluate((broker) => window.hear(broker), mosquitto.front.url);
    await page.waitForFunction(() => document.getElementById("said").textContent === "tag: works");
    assert.deepEqual(problems, []);
    return page;
  }

  test("makes a global tarta with the exports of the module", async () => {
    const page = await speaks(`${pages.url}/script.html`);
    const names = await page.evaluate(() => Object.keys(window.tarta).sort());
    assert.deepEqual(names, await cases.page.evaluate(() => window.exportedNames()));
    await page.close();
  });

  test("works in a page that was opened from the disk", async () => {
    const folder = mkdtempSync(join(tmpdir(), "tarta-page-"));
    try {
      writeFileSync(join(folder, "index.html"), script(pathToFileURL(join(DIST, "tarta.js")).href));
      const page = await speaks(pathToFileURL(join(folder, "index.html")).href);
      await page.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
