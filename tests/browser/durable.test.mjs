// Clients with a store in pages of headless Chromium, on the page and in Workers: what they keep outlives a reload.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { acknowledgement, PUBACK, PUBCOMP, PUBLISH, publish, PUBREC, PUBREL, suback, SUBSCRIBE } from "../web/fake-broker.mjs";
import { form, open, startBroker } from "./worker-pages.mjs";

/** Makes the page's client of the store "kept", which does not connect yet, or connects. */
const begin = (opened, url, worker) => opened.evaluate(([address, where]) => {
  const { Client, indexedDBStore } = window.tarta;
  window.fates = [];
  window.client = new Client(address, { version: 5, reconnect: false, worker: (0, eval)(`(${where})`), store: indexedDBStore("kept") });
  window.client.addEventListener("settled", ({ detail: { id, reasonCode, error } }) => window.fates.push([id, reasonCode ?? error.code]));
}, [url, worker]);

for (const [where, worker, expected] of [["on the page", "false", false], ["in a Worker", "true", "sibling"], ["in a SharedWorker", '{ shared: "/dist/worker.mjs" }', "shared"]]) {
  describe(`a client with a store, ${where}`, () => {
    test("sends after a reload what was stored before it", { timeout: 20_000 }, async (t) => {
      const [opened, broker] = await Promise.all([open(t), startBroker(t)]);
      await begin(opened, broker.url, worker);
      const ids = await opened.evaluate(async () => {
        const enqueued = [window.client.enqueue("a", "one"), window.client.enqueue("a", new Uint8Array([116, 119, 111]), { qos: 2 })];
        await Promise.all(enqueued.map(({ stored }) => stored));
        return enqueued.map(({ id }) => id);
      });
      assert.equal(await form(opened), expected);
      await opened.reload();
      await opened.waitForFunction(() => window.tarta);
      await begin(opened, broker.url, worker);
      const connecting = opened.evaluate(() => window.client.connect());
      const peer = await broker.online();
      await connecting;
      const drained = opened.evaluate(() => window.client.drain().then(() => window.fates.length));
      const [one, two] = await peer.expectAll(PUBLISH, PUBLISH);
      assert.deepEqual([one.payload.toString(), one.qos, two.payload.toString(), two.qos], ["one", 1, "two", 2]);
      peer.send(acknowledgement(PUBACK, one.id), acknowledgement(PUBREC, two.id));
      await peer.expect(PUBREL);
      peer.send(acknowledgement(PUBCOMP, two.id));
      assert.equal(await drained, 2);
      assert.deepEqual(await opened.evaluate(() => window.fates), [[ids[0], 0], [ids[1], 0]]);
    });

    test("gets what comes before it has subscribed again", { timeout: 20_000 }, async (t) => {
      const [opened, broker] = await Promise.all([open(t), startBroker(t)]);
      const connected = async (sessionPresent) => {
        await begin(opened, broker.url, worker);
        const connecting = opened.evaluate(() => window.client.connect());
        const peer = await broker.online({ sessionPresent });
        await connecting;
        return peer;
      };
      const before = await connected(0);
      const subscribing = opened.evaluate(() => window.client.subscribe("a", { qos: 1 }, window.hear).then(() => {}));
      before.send(suback((await before.expect(SUBSCRIBE)).id, 1));
      await subscribing;
      await opened.reload();
      await opened.waitForFunction(() => window.tarta);
      const peer = await connected(1);
      peer.send(publish("a", "early", { qos: 1, id: 1 }));
      await peer.expectNothing();
      const again = opened.evaluate(() => window.client.subscribe("a", { qos: 1 }, window.hear).then(() => {}));
      const packets = [await peer.next(), await peer.next()].sort((one, other) => one.type - other.type);
      assert.deepEqual(packets.map(({ name }) => name), ["PUBACK", "SUBSCRIBE"]);
      peer.send(suback(packets[1].id, 1));
      await again;
      assert.deepEqual(await opened.evaluate(() => window.heard), ["a early"]);
    });

    test("says what is in the store when it is closed", { timeout: 20_000 }, async (t) => {
      const [opened, broker] = await Promise.all([open(t), startBroker(t)]);
      await begin(opened, broker.url, worker);
      const outcome = await opened.evaluate(async () => {
        const { stored, acked } = window.client.enqueue("a", "one");
        await stored;
        const told = acked.catch(({ code, stored: there }) => [code, there]);
        await window.client.close();
        return told;
      });
      assert.deepEqual(outcome, ["CLIENT_CLOSED", true]);
    });

    test("… and what is not, as the database was deleted", { timeout: 20_000 }, async (t) => {
      const [opened, broker] = await Promise.all([open(t), startBroker(t)]);
      await begin(opened, broker.url, worker);
      const outcome = await opened.evaluate(async () => {
        const { stored, acked } = window.client.enqueue("a", "one");
        await stored;
        await new Promise((resolve, reject) => Object.assign(indexedDB.deleteDatabase("kept"), { onsuccess: resolve, onerror: reject }));
        const told = acked.catch(({ code, stored: there }) => [code, there]);
        await window.client.close();
        return told;
      });
      assert.deepEqual(outcome, ["CLIENT_CLOSED", false]);
    });

    test("does not send what a signal has taken back before", { timeout: 20_000 }, async (t) => {
      const [opened, broker] = await Promise.all([open(t), startBroker(t)]);
      await begin(opened, broker.url, worker);
      const connecting = opened.evaluate(() => window.client.connect());
      const peer = await broker.online();
      await connecting;
      const code = await opened.evaluate(() => window.client.enqueue("a", "no", { signal: AbortSignal.abort() }).acked.catch((error) => error.code));
      assert.equal(code, "CANCELLED");
      await opened.evaluate(() => void window.client.enqueue("a", "yes"));
      assert.equal((await peer.expect(PUBLISH)).payload.toString(), "yes");
    });

    test("… and of what is published and closed at once", { timeout: 20_000 }, async (t) => {
      const [opened, broker] = await Promise.all([open(t), startBroker(t)]);
      await begin(opened, broker.url, worker);
      const connecting = opened.evaluate(() => window.client.connect());
      await broker.online();
      await connecting;
      const outcome = await opened.evaluate(async () => {
        const { stored, acked } = window.client.enqueue("a", "one");
        const told = [window.client.publish("a", "two", { qos: 1 }), acked].map((promise) => promise.catch((error) => error.stored));
        await window.client.close();
        return Promise.all([...told, stored.then(() => true)]);
      });
      assert.deepEqual(outcome, [true, true, true]);
    });
  });
}

test("a tab that leaves others knows what of its own is in the store", { timeout: 20_000 }, async (t) => {
  const [opened, broker] = await Promise.all([open(t), startBroker(t)]);
  const other = await open(t, "/page.html", opened.context());
  for (const one of [opened, other]) await begin(one, broker.url, '{ shared: "/dist/worker.mjs" }');
  const connecting = Promise.all([opened, other].map((one) => one.evaluate(() => window.client.connect())));
  const peer = await broker.online();
  await connecting;
  const outcome = await opened.evaluate(async () => {
    const told = window.client.publish("a", "one", { qos: 1 }).catch((error) => error.stored);
    await window.client.close();
    return told;
  });
  assert.equal(outcome, true);
  assert.equal((await peer.expect(PUBLISH)).payload.toString(), "one");
});

test("two tabs do not have the same store", { timeout: 20_000 }, async (t) => {
  const [opened, broker] = await Promise.all([open(t), startBroker(t)]);
  const other = await open(t, "/page.html", opened.context());
  await begin(opened, broker.url, "false");
  await opened.evaluate(() => window.client.enqueue("a", "").stored);
  await begin(other, broker.url, "true");
  const code = await other.evaluate(() => window.client.connect().catch((error) => error.code));
  assert.equal(code, "STORE_IN_USE");
});

test("a store that cannot cross to a Worker is a mistake", { timeout: 20_000 }, async (t) => {
  const opened = await open(t);
  const name = await opened.evaluate(() => {
    try {
      return new window.tarta.Client("ws://127.0.0.1:9", { worker: true, store: window.tarta.memoryStore() });
    } catch (error) {
      return error.name;
    }
  });
  assert.equal(name, "TypeError");
});
