// Pages of headless Chromium whose clients may live in Workers, and what they are made to do.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { acknowledgement, DISCONNECT, FakeBroker, PUBACK, PUBCOMP, PUBLISH, publish, PUBREC, PUBREL, suback, SUBSCRIBE } from "../web/fake-broker.mjs";
import { html, launchChromium, servePages } from "./chromium.mjs";

const DIST = fileURLToPath(new URL("../../web/dist", import.meta.url));

const page = (from, policy = "") => html(`<!doctype html><title>worker</title>${policy}<script type="module">
  import * as tarta from "${from}";
  window.tarta = tarta;
  window.heard = [];
  window.hear = (message) => window.heard.push(message.topic + " " + message.text());
  window.tell = (promise) => promise.then(() => "done", (error) => error.code ?? error.name);
</script>`);
const strict = `<meta http-equiv="Content-Security-Policy" content="worker-src 'none'">`;

let browser;
let pages;

/** For the file that imports this. */
before(async () => {
  const bundled = await build({
    stdin: { contents: `export * from "${DIST}/tarta.mjs"`, resolveDir: DIST }, bundle: true, minify: true, format: "esm", write: false,
  });
  [browser, pages] = await Promise.all([
    launchChromium(),
    servePages({
      "/dist/": DIST,
      "/page.html": page("/dist/tarta.mjs"),
      "/alone/tarta.mjs": { type: "text/javascript", text: readFileSync(`${DIST}/tarta.mjs`, "utf8") },
      "/alone.html": page("/alone/tarta.mjs"),
      "/bundled.mjs": { type: "text/javascript", text: bundled.outputFiles[0].text, headers: { "Access-Control-Allow-Origin": "*" } },
      "/bundled.html": page("/bundled.mjs"),
      "/slim.html": page("/dist/slim.mjs"),
      "/strict.html": page("/dist/tarta.mjs", strict),
      "/sandboxed.html": { ...page("/bundled.mjs"), headers: { "Content-Security-Policy": "sandbox allow-scripts" } },
    }),
  ]);
});
after(() => Promise.all([browser?.close(), pages?.stop()]));

/** A page of its own world, or one more of `context`'s; of the host insecure.test it is none that browsers call secure. */
export async function open(t, path = "/page.html", context, host = "127.0.0.1") {
  const world = context ?? (await browser.newContext());
  if (!context) t.after(() => world.close());
  const opened = await world.newPage();
  opened.setDefaultTimeout(10_000);
  opened.on("pageerror", (error) => assert.fail(error));
  await opened.goto(pages.url.replace("127.0.0.1", host) + path);
  await opened.waitForFunction(() => window.tarta);
  return opened;
}

export async function startBroker(t) {
  const broker = await FakeBroker.start();
  t.after(() => broker.stop());
  return broker;
}

/** Connects a page to the broker; `worker` is what the page makes of it: a text of JavaScript. */
export async function connect(opened, broker, worker = "true", options = {}) {
  const connecting = opened.evaluate(
    async ([url, form, others]) => {
      window.client = await window.tarta.connect(url, { version: 5, reconnect: false, worker: (0, eval)(`(${form})`), ...others });
    },
    [broker.url, worker, options],
  );
  const peer = await Promise.race([broker.online(), connecting]);
  await connecting;
  return peer;
}

export async function subscribe(opened, peer, filter, options = {}) {
  const subscribing = opened.evaluate(async ([name, others]) => {
    window.subscription = await window.client.subscribe(name, others, window.hear);
  }, [filter, options]);
  const { id, filters } = await peer.expect(SUBSCRIBE);
  peer.send(suback(id, filters[0].options & 3));
  await subscribing;
}

export const heard = async (opened, count) => {
  await opened.waitForFunction((least) => window.heard.length >= least, count);
  return opened.evaluate(() => window.heard);
};
export const form = (opened) => opened.evaluate(() => window.client.stats.worker);

/** Has the page do nothing else for a while, from the next moment on. */
export const keepBusy = (opened, milliseconds) => opened.evaluate((time) => {
  setTimeout(() => {
    for (const end = performance.now() + time; performance.now() < end; );
  });
}, milliseconds);

/** All that a client does, once. */
export async function converse(opened, peer) {
  await subscribe(opened, peer, "a/{name}", { qos: 2 });
  peer.send(publish("a/0", "zero"), publish("a/1", "one", { qos: 1, id: 7 }), publish("a/2", "two", { qos: 2, id: 8 }));
  assert.deepEqual(await heard(opened, 3), ["a/0 zero", "a/1 one", "a/2 two"]);
  assert.equal((await peer.expect(PUBACK)).id, 7);
  assert.equal((await peer.expect(PUBREC)).id, 8);
  peer.send(acknowledgement(PUBREL, 8));
  assert.equal((await peer.expect(PUBCOMP)).id, 8);

  const publishing = opened.evaluate(() => Promise.all([
    window.client.publish("b", "none"), window.client.publish("b", "once", { qos: 1 }), window.client.publish("b", "exactly", { qos: 2 }),
  ]));
  const [zero, one, two] = await peer.expectAll(PUBLISH, PUBLISH, PUBLISH);
  assert.deepEqual([zero, one, two].map(({ payload }) => payload.toString()), ["none", "once", "exactly"]);
  peer.send(acknowledgement(PUBACK, one.id, 0x10), acknowledgement(PUBREC, two.id));
  await peer.expect(PUBREL);
  peer.send(acknowledgement(PUBCOMP, two.id));
  assert.deepEqual((await publishing).map(({ reasonCode }) => reasonCode), [0, 0x10, 0]);

  const closing = opened.evaluate(() => window.client.close());
  await peer.expect(DISCONNECT);
  await closing;
}
