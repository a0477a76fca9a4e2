// What is published while there is no connection: how much is kept, what makes room, what expires, and how each promise ends.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Client } from "tarta";
import { acknowledgement, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL } from "./fake-broker.mjs";
import { fails, startBroker } from "./kit.mjs";

/** A client that is not connected yet, and the broker for it. */
async function offline(t, queue, options = {}) {
  const broker = await startBroker(t);
  const client = new Client(broker.url, { version: 5, reconnect: false, queue, ...options });
  t.after(() => client.close());
  const online = async () => {
    const connecting = client.connect();
    const peer = await broker.online();
    await connecting;
    return peer;
  };
  return { client, online };
}

const publish = (client, ...payloads) => payloads.map((payload, index) => {
  const sent = client.publish("a", payload, { qos: (index % 2) + 1 });
  sent.catch(() => {});
  return sent;
});

/** The payloads that arrive, in their order; all are acknowledged. */
async function arrived(peer, count) {
  const got = [];
  for (let left = count; left > 0; ) {
    const { type, qos, id, payload } = await peer.next();
    if (type === PUBLISH) got.push(payload.toString());
    if (type === PUBLISH && qos === 2) peer.send(acknowledgement(PUBREC, id));
    else left--;
    if (type === PUBLISH && qos === 1) peer.send(acknowledgement(PUBACK, id));
    if (type === PUBREL) peer.send(acknowledgement(PUBCOMP, id));
  }
  return got;
}

test("all that was published leaves in its order", async (t) => {
  const { client, online } = await offline(t);
  const names = Array.from({ length: 50 }, (_, number) => String(number));
  const sent = publish(client, ...names);
  assert.equal(client.stats.pending, 50);
  assert.deepEqual(await arrived(await online(), 50), names);
  assert.deepEqual((await Promise.all(sent)).map(({ reasonCode }) => reasonCode), names.map(() => 0));
  assert.deepEqual([client.stats.pending, client.stats.pendingBytes], [0, 0]);
});

test("\"reject\": what has no room is refused, and what was there stays", async (t) => {
  const { client, online } = await offline(t, { maxMessages: 3 });
  const [one, two, three, four] = publish(client, "one", "two", "three", "four");
  await fails(four, "QUEUE_FULL");
  await fails(client.publish("a", "zero"), "QUEUE_FULL");
  assert.deepEqual(await arrived(await online(), 3), ["one", "two", "three"]);
  await Promise.all([one, two, three]);
});

test("\"drop-oldest\": the first of those that wait make room", async (t) => {
  const { client, online } = await offline(t, { maxMessages: 2, overflow: "drop-oldest" });
  const [one, two, three, four] = publish(client, "one", "two", "three", "four");
  await Promise.all([fails(one, "DROPPED"), fails(two, "DROPPED")]);
  assert.deepEqual(await arrived(await online(), 2), ["three", "four"]);
  await Promise.all([three, four]);
});

test("\"drop-qos0\": messages at QoS 0 make room for others, and nothing for them", async (t) => {
  const { client, online } = await offline(t, { maxMessages: 3, overflow: "drop-qos0" });
  const zero = client.publish("a", "zero");
  const [one, two, three] = publish(client, "one", "two", "three");
  await fails(zero, "DROPPED");
  await fails(client.publish("a", "another"), "DROPPED");
  await fails(publish(client, "four")[0], "QUEUE_FULL");
  assert.deepEqual(await arrived(await online(), 3), ["one", "two", "three"]);
  await Promise.all([one, two, three]);
});

for (const overflow of ["reject", "drop-oldest", "drop-qos0"]) {
  test(`bytes are bounded as well as messages ("${overflow}")`, async (t) => {
    const { client, online } = await offline(t, { maxBytes: 10_000, overflow });
    const large = "x".repeat(4000);
    const sent = publish(client, `1${large}`, `2${large}`, `3${large}`);
    assert.ok(client.stats.pendingBytes <= 10_000);
    await fails(client.publish("a", "x".repeat(20_000), { qos: 1 }), "QUEUE_FULL"); // it could never have room
    const [given, others] = overflow === "drop-oldest" ? [sent[0], sent.slice(1)] : [sent[2], sent.slice(0, 2)];
    await fails(given, overflow === "drop-oldest" ? "DROPPED" : "QUEUE_FULL");
    const got = await arrived(await online(), 2);
    assert.deepEqual(got.map((payload) => payload[0]), overflow === "drop-oldest" ? ["2", "3"] : ["1", "2"]);
    await Promise.all(others);
  });
}

// 5.0 §3.3.2.3.3
test("a message expires while it waits, and what is left of its time is told to the server", { timeout: 10_000 }, async (t) => {
  const { client, online } = await offline(t);
  const short = client.publish("a", "short", { qos: 1, expiry: 2 });
  const long = client.publish("a", "long", { qos: 1, expiry: 60 });
  const begin = performance.now();
  await fails(short, "MESSAGE_EXPIRED");
  const took = performance.now() - begin;
  assert.ok(took > 1400 && took < 3000, `${took} ms, of 2 s`); // the queue counts in whole seconds, to the nearest
  const peer = await online();
  const { id, properties, payload } = await peer.expect(PUBLISH);
  assert.equal(payload.toString(), "long");
  assert.equal(properties[0], 0x02);
  const left = properties.readUInt32BE(1);
  assert.ok(left >= 57 && left <= 59, `${left} s of 60`);
  peer.send(acknowledgement(PUBACK, id));
  await long;
});

test("close() ends the wait of each", async (t) => {
  const { client } = await offline(t);
  const waiting = [...publish(client, "one", "two"), client.publish("a", "zero")];
  await client.close();
  for (const promise of waiting) await fails(promise, "CLIENT_CLOSED", { stored: false });
});
