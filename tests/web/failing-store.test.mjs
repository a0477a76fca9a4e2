// What a client does when its store fails, for a while or for good, does not answer, or has lost what was in it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Client } from "tarta";
import { acknowledgement, CONNECT, PUBACK, PUBCOMP, PUBLISH, publish, PUBREC, PUBREL } from "./fake-broker.mjs";
import { fates, pause, slowStore, TIMEOUT, until, withBroker } from "./kit.mjs";

test("what cannot be stored is not sent, and harms nothing else", TIMEOUT, withBroker(async ({ open }) => {
  const store = slowStore();
  const { client, peer } = await open(store);
  const problems = [];
  client.addEventListener("error", ({ error }) => problems.push(error.code));
  await peer.expectNothing();
  store.before = () => {
    throw new Error("the disk is full");
  };
  const failed = (error) => error.code === "STORE_FAILED" && !error.stored;
  const { stored, acked } = client.enqueue("a", "1");
  await assert.rejects(stored, failed);
  await assert.rejects(acked, failed);
  await assert.rejects(client.publish("a", "2", { qos: 2 }), failed);
  await assert.rejects(client.subscribe("a"), failed);
  await client.publish("a", "3");
  assert.equal((await peer.expect(PUBLISH)).payload.toString(), "3");
  store.before = () => {};
  const published = client.publish("a", "4", { qos: 1 });
  const { id, payload } = await peer.expect(PUBLISH);
  assert.equal(payload.toString(), "4");
  peer.send(acknowledgement(PUBACK, id));
  await published;
  assert.ok(problems.length > 0 && problems.every((code) => code === "STORE_FAILED"));
}));

test("what cannot be stored is told also behind what must be stored in any case", TIMEOUT, withBroker(async ({ open }) => {
  const store = slowStore();
  const { client, peer } = await open(store);
  const published = client.publish("a", "1", { qos: 1 });
  const { id } = await peer.expect(PUBLISH);
  store.before = () => {
    throw new Error("the disk is full");
  };
  peer.send(acknowledgement(PUBACK, id)); // which is to be forgotten
  await published;
  await pause(10);
  await assert.rejects(client.publish("a", "2", { qos: 1 }), { code: "STORE_FAILED" });
  store.before = () => {};
  client.publish("a", "3", { qos: 1 }).catch(() => {});
  assert.equal((await peer.expect(PUBLISH)).payload.toString(), "3");
}));

test("a cancelled subscription that cannot be stored harms nothing", TIMEOUT, withBroker(async ({ open }) => {
  const store = slowStore();
  const { client, peer } = await open(store);
  await peer.expectNothing();
  let fail;
  store.before = () => new Promise((_, reject) => (fail = reject));
  const aborter = new AbortController();
  const subscribing = client.subscribe("a", { signal: aborter.signal });
  await until(() => fail);
  aborter.abort();
  await assert.rejects(subscribing, { code: "CANCELLED" });
  store.before = () => {
    throw new Error("the disk is full");
  };
  fail(new Error("the disk is full"));
  await pause(20);
  assert.equal(client.state, "online");
}));

test("what was stored stays there, whatever is stored of it later", TIMEOUT, withBroker(async ({ open }) => {
  const store = slowStore();
  const { client: before, peer: there } = await open(store);
  await before.enqueue("a", "kept").stored;
  await there.expect(PUBLISH);
  await before.close();
  store.before = (changes) => {
    if (changes.some(([key, value]) => key > 0 && value)) throw new Error("the disk is full"); // but not so full that nothing may be deleted
  };
  const { client, peer } = await open(store); // the session is lost, so it is a new message
  const settled = fates(client);
  await peer.expectNothing(100);
  store.before = () => {};
  assert.equal((await peer.expect(PUBLISH)).payload.toString(), "kept");
  assert.deepEqual(settled, []);
}));

test("what has vanished from the store is not told to be there", TIMEOUT, withBroker(async ({ open }) => {
  const store = slowStore();
  const { client, peer } = await open(store);
  const { stored, acked } = client.enqueue("a", "1");
  await stored;
  await peer.expect(PUBLISH);
  store.slow = () => {
    throw new Error("the disk is gone");
  };
  const told = assert.rejects(acked, (error) => error.code === "CLIENT_CLOSED" && !error.stored);
  await client.close();
  await told;
}));

test("that a cancelled message is stored says nothing of the next", TIMEOUT, withBroker(async ({ open }) => {
  const store = slowStore();
  const { client, peer } = await open(store);
  await peer.expectNothing();
  const writes = [];
  store.before = () => new Promise((resolve) => writes.push(resolve));
  const aborter = new AbortController();
  client.enqueue("a", "1", { signal: aborter.signal });
  await until(() => writes.length === 1);
  aborter.abort();
  await pause(5);
  let isStored = false;
  client.enqueue("a", "2").stored.then(() => (isStored = true));
  await pause(5);
  writes.shift()();
  await until(() => writes.length === 1);
  await pause(5);
  assert.equal(isStored, false);
  store.before = () => {};
  writes.shift()();
  await until(() => isStored);
}));

test("the server gets no acknowledgement for what cannot be stored, until it can", TIMEOUT, withBroker(async ({ open }) => {
  const store = slowStore();
  const { client, peer } = await open(store);
  await peer.expectNothing();
  store.before = () => {
    throw new Error("the disk is full");
  };
  let got = 0;
  client.route("in", () => got++);
  peer.send(publish("in", "1", { qos: 2, id: 1 }));
  await until(() => got === 1);
  await peer.expectNothing(100);
  store.before = () => {};
  assert.equal((await peer.expect(PUBREC)).id, 1);
}));

test("while that is so, what is published or subscribed to is told to fail, and all goes on afterwards", TIMEOUT, withBroker(async ({ open }) => {
  const store = slowStore();
  const { client, peer } = await open(store);
  const first = client.publish("a", "1", { qos: 2 });
  const { id } = await peer.expect(PUBLISH);
  let attempts = 0;
  store.before = () => {
    attempts++;
    throw new Error("the disk is full");
  };
  peer.send(acknowledgement(PUBREC, id)); // that it has come must be kept
  await until(() => attempts > 0);
  const failed = (error) => error.code === "STORE_FAILED" && !error.stored;
  for (let round = 0; round < 3; round++) {
    const { stored, acked } = client.enqueue("a", "2");
    const soon = Promise.race([Promise.allSettled([stored, acked, client.subscribe("b")]), pause(500)]);
    const fates = (await soon) ?? assert.fail("nothing was told");
    for (const { reason } of fates) assert.ok(failed(reason));
  }
  await peer.expectNothing();
  store.before = () => {};
  const second = client.publish("a", "3", { qos: 1 });
  const [released, next] = await peer.expectAll(PUBREL, PUBLISH);
  assert.equal(next.payload.toString(), "3");
  peer.send(acknowledgement(PUBCOMP, released.id), acknowledgement(PUBACK, next.id));
  await Promise.all([first, second]);
  await peer.expectNothing();
}));

test("what fails behind it holds nothing up", TIMEOUT, withBroker(async ({ open }) => {
  const store = slowStore();
  const { client, peer } = await open(store);
  const published = client.publish("a", "1", { qos: 2 });
  const { id } = await peer.expect(PUBLISH);
  store.before = () => {
    throw new Error("the disk is full");
  };
  peer.send(acknowledgement(PUBREC, id));
  await peer.expectNothing();
  await assert.rejects(client.enqueue("a", "2").stored, ({ code }) => code === "STORE_FAILED");
  store.before = () => {};
  assert.equal((await peer.expect(PUBREL)).id, id); // by itself
  peer.send(acknowledgement(PUBCOMP, id));
  await published;
  await client.drain();
}));

test("a store that does not answer keeps nobody waiting for ever", { timeout: 15_000 }, withBroker(async ({ broker, open }) => {
  const store = slowStore();
  const { client, peer } = await open(store);
  await peer.expectNothing();
  store.before = () => new Promise(() => {});
  const { stored, acked } = client.enqueue("a", "1");
  const closed = (error) => error.code === "CLIENT_CLOSED" && !error.stored;
  const fates = Promise.all([assert.rejects(stored, closed), assert.rejects(acked, closed), assert.rejects(client.publish("a", "2", { qos: 1 }), closed)]);
  const begin = performance.now();
  await client.close();
  await fates;
  assert.ok(performance.now() - begin < 4000, "and once is enough");

  const silent = slowStore();
  silent.before = () => new Promise(() => {});
  const first = new Client(broker.url, { version: 5, reconnect: false, store: silent, connectTimeout: 100 });
  await assert.rejects(first.connect(), { code: "CONNECT_TIMEOUT", message: /or the store kept CONNECT waiting/ });
}));
