// What handlers may do while the records of a chunk are walked: anything.
import assert from "node:assert/strict";
import { test } from "node:test";
import { acknowledgement, DISCONNECT, PUBACK, PUBCOMP, PUBLISH, publish, PUBREC, PUBREL, SUBSCRIBE, suback, hex } from "./fake-broker.mjs";
import { pause, subscribed, until, withClient } from "./kit.mjs";

const three = (qos) => [1, 2, 3].map((id) => publish("in", `message ${id}`, { qos, id }));

test("handlers publish", withClient(async ({ client, peer }) => {
  const got = [];
  await subscribed(client, peer, "in", { qos: 1 }, (message) => {
    got.push(message.text());
    client.publish("out", `to ${message.text()}`);
  });
  peer.send(...three(1));
  const packets = [];
  for (let left = 6; left > 0; left--) packets.push(await peer.next());
  assert.deepEqual(got, ["message 1", "message 2", "message 3"]);
  assert.deepEqual(packets.filter(({ type }) => type === PUBLISH).map(({ payload }) => payload.toString()), got.map((one) => `to ${one}`));
  assert.deepEqual(packets.filter(({ type }) => type === PUBACK).map(({ id }) => id), [1, 2, 3]);
}));

test("handlers make wasm memory grow", withClient(async ({ client, peer }) => {
  const got = [];
  const large = Buffer.alloc(1_000_000, "x");
  await subscribed(client, peer, "in/#", { qos: 1 }, (message) => {
    got.push([message.topic, message.text(), message.properties.contentType]);
    client.publish("out", large, { qos: 1 }).catch(() => {}); // the broker never answers
  });
  const properties = [3, 0, 2, 0x61, 0x62];
  peer.send(...[1, 2, 3, 4].map((id) => publish(`in/${id}`, `message ${id}`, { qos: 1, id, properties })));
  const packets = [];
  for (let left = 8; left > 0; left--) packets.push(await peer.next());
  assert.deepEqual(got, [1, 2, 3, 4].map((id) => [`in/${id}`, `message ${id}`, "ab"]));
  for (const { payload } of packets.filter(({ type }) => type === PUBLISH)) assert.ok(payload.equals(large));
  assert.ok(peer.messages.every((size) => size > 0 && size <= 65_536), "WebSocket messages of at most 64 KiB");
}));

test("handlers subscribe, and hear of what comes later in the chunk", withClient(async ({ client, peer }) => {
  const got = [];
  await subscribed(client, peer, "in", {}, () => {
    client.subscribe("in", { qos: 0 }, (message) => got.push(message.text())).catch(() => {});
  });
  peer.send(publish("in", "one"), publish("in", "two"));
  const { id } = await peer.expect(SUBSCRIBE);
  peer.send(suback(id, 0));
  await until(() => got.length === 1);
  assert.deepEqual(got, ["two"]);
}));

test("handlers unsubscribe: what comes later in the chunk is not theirs", withClient(async ({ client, peer }) => {
  const got = [];
  const subscription = await subscribed(client, peer, "in", { qos: 1 }, (message) => {
    got.push(message.text());
    subscription.unsubscribe().catch(() => {});
  });
  peer.send(...three(1));
  await until(() => got.length > 0);
  await pause(10);
  assert.deepEqual(got, ["message 1"]);
}));

test("a handler closes: the rest is neither delivered nor acknowledged", withClient(async ({ client, peer }) => {
  const got = [];
  let closing;
  await subscribed(client, peer, "in", { qos: 1 }, (message) => {
    got.push(message.text());
    if (got.length === 2) closing = client.close();
  });
  peer.send(...three(1));
  const packets = [];
  for (let packet; (packet = await peer.next()); ) packets.push(packet);
  await closing;
  assert.deepEqual(got, ["message 1", "message 2"]);
  assert.equal(packets.at(-1).type, DISCONNECT);
  assert.ok(packets.filter(({ type }) => type === PUBACK).every(({ id }) => id < 3));
}));

test("a handler throws, another's promise rejects: the rest is delivered, all is acknowledged", withClient(async ({ client, peer }) => {
  const got = [];
  const errors = [];
  client.addEventListener("error", ({ detail, error }) => {
    assert.equal(detail, error);
    errors.push(error.message);
  });
  await subscribed(client, peer, "in", { qos: 1 }, async (message) => {
    if (message.text() === "message 2") throw new Error("later");
  });
  await subscribed(client, peer, "+", { qos: 1 }, (message) => {
    got.push(message.text());
    if (got.length === 1) throw new Error("at once");
  });
  peer.send(...three(1));
  assert.deepEqual((await peer.expectAll(PUBACK, PUBACK, PUBACK)).map(({ id }) => id), [1, 2, 3]);
  assert.deepEqual(got, ["message 1", "message 2", "message 3"]);
  assert.deepEqual(errors.sort(), ["at once", "later"]);
}));

test("more records than fit at once", withClient(async ({ client, peer }) => {
  const got = [];
  await subscribed(client, peer, "#", { qos: 0 }, (message) => {
    got.push(message.topic);
    if (got.length % 1000 === 0) client.publish("out", Buffer.alloc(100_000));
  });
  const topics = Array.from({ length: 20_000 }, (_, index) => `in/${index % 5000}`);
  peer.send(...topics.map((topic) => publish(topic, topic)));
  await until(() => got.length === topics.length);
  assert.deepEqual(got, topics);
}));

test("a batch comes once for each chunk, before it is acknowledged", withClient(async ({ client, peer }) => {
  const batches = [];
  const batching = client.batch("in", { qos: 1 }, (messages) => batches.push(messages.map((message) => message.text())));
  peer.send(suback((await peer.expect(SUBSCRIBE)).id, 1));
  await batching;
  peer.send(...three(1));
  await peer.expectAll(PUBACK, PUBACK, PUBACK);
  peer.send(publish("in", "alone"));
  await until(() => batches.length === 2);
  assert.deepEqual(batches, [["message 1", "message 2", "message 3"], ["alone"]]);
}));

test("QoS 2 comes once, however often it is sent", withClient(async ({ client, peer }) => {
  const got = [];
  await subscribed(client, peer, "in", { qos: 2 }, (message) => got.push(message.text()));
  peer.send(publish("in", "once", { qos: 2, id: 7 }));
  assert.equal((await peer.expect(PUBREC)).id, 7);
  peer.send(publish("in", "once", { qos: 2, id: 7, dup: 1 }));
  await peer.expect(PUBREC);
  peer.send(acknowledgement(PUBREL, 7));
  assert.equal((await peer.expect(PUBCOMP)).id, 7);
  assert.deepEqual(got, ["once"]);
}));

// Statements: 5.0 MQTT-6.0.0-2; 3.1.1 MQTT-6.0.0-2; scenarios 41
test("every way to split a stream gives the same messages", withClient(async ({ client, peer }) => {
  const got = [];
  await subscribed(client, peer, "in/#", { qos: 1 }, (message) => got.push([message.topic, message.text(), message.properties.contentType]));
  const properties = [3, 0, 2, 0x61, 0x62];
  const stream = Buffer.concat([
    publish("in/å", "one", { properties }), publish("in/b", "", { qos: 1, id: 3 }), hex("d0 00"),
    publish("in/å", "three", { qos: 1, id: 4, properties }), publish("in/c", "x".repeat(700)),
  ]);
  const expected = [["in/å", "one", "ab"], ["in/b", "", undefined], ["in/å", "three", "ab"], ["in/c", "x".repeat(700), undefined]];
  for (const size of [1, 2, 3, 5, 7, 11, 64, 1000]) {
    got.length = 0;
    peer.sendSplit(stream, size);
    await peer.expectAll(PUBACK, PUBACK);
    await until(() => got.length === 4);
    assert.deepEqual(got, expected, `in pieces of ${size}`);
  }
}));

for (const [name, size] of [["1 MB", 1_000_000], ["70,000 bytes", 70_000], ["65,536 bytes", 65_536], ["60,000 bytes", 60_000]]) {
  test(`a payload of ${name}, whole and split`, withClient(async ({ client, peer }) => {
    const got = [];
    const payload = Buffer.from(Array.from({ length: size }, (_, index) => (index * 31 + (index >> 8)) & 255));
    await subscribed(client, peer, "in", { qos: 2 }, (message) => got.push([message.copy(), message.properties.contentType]));
    const properties = [3, 0, 2, 0x61, 0x62];
    let id = 0;
    for (const piece of [Infinity, 65_536, 40_000, 9_999]) {
      for (const qos of [0, 1, 2]) {
        const before = publish("in", "small", { properties });
        const bytes = Buffer.concat([before, publish("in", payload, { qos, id: ++id, properties }), publish("in", "behind")]);
        // The second time it begins with the WebSocket message.
        for (const stream of [bytes, bytes.subarray(before.length)]) {
          got.length = 0;
          if (piece === Infinity) peer.send(stream);
          else peer.sendSplit(stream, piece);
          const expected = stream === bytes ? 3 : 2;
          if (qos === 2 && stream !== bytes) await until(() => got.length === 1); // it is held: delivered before
          else await until(() => got.length === expected, `${expected} messages of ${qos}, ${piece}; got ${got.length}`);
          const large = got.find(([bytes]) => bytes.length > 10);
          if (large) assert.ok(payload.equals(large[0]), `QoS ${qos}, pieces of ${piece}`);
          if (large) assert.equal(large[1], "ab");
          assert.equal(Buffer.from(got.at(-1)[0]).toString(), "behind");
        }
        if (qos === 1) await peer.expectAll(PUBACK, PUBACK);
        if (qos === 2) {
          await peer.expectAll(PUBREC, PUBREC);
          peer.send(acknowledgement(PUBREL, id));
          await peer.expect(PUBCOMP);
        }
      }
    }
  }));
}

test("a payload of 150,000 bytes whose head has come before, in parts", withClient(async ({ client, peer }) => {
  const got = [];
  const payload = Buffer.from(Array.from({ length: 150_000 }, (_, index) => (index * 31 + (index >> 8)) & 255));
  await subscribed(client, peer, "in", { qos: 2 }, (message) => got.push([message.copy(), message.properties.contentType]));
  for (const [index, properties] of [[], [3, 0, 2, 0x61, 0x62]].entries()) {
    const bytes = Buffer.concat([publish("in", payload, { qos: 1, id: 1 + index, properties }), publish("in", "behind")]);
    const head = bytes.length - payload.length - publish("in", "behind").length;
    for (let first = 1; first <= head + 2; first++) {
      got.length = 0;
      peer.send(bytes.subarray(0, first));
      peer.sendSplit(bytes.subarray(first), 60_000);
      await until(() => got.length === 2, `2 messages, ${first} bytes before`);
      assert.ok(payload.equals(got[0][0]), `${first} bytes before`);
      assert.equal(got[0][1], properties.length > 0 ? "ab" : undefined);
      await peer.expect(PUBACK);
    }
  }
}));
