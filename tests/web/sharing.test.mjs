// Who has which filter: several users of one, refusals, signals, and what is kept from whom.
import assert from "node:assert/strict";
import { test } from "node:test";
import { acknowledgement, DISCONNECT, identifier, PUBACK, publish, suback, SUBSCRIBE, unsuback, UNSUBSCRIBE } from "./fake-broker.mjs";
import { pause, subscribed, until, withClient } from "./kit.mjs";

const retained = (payload) => publish("f/a", payload, { retain: 1 });

test("what was refused is not unsubscribed from, and its number may be another's", withClient(async ({ client, peer }) => {
  const asking = client.subscribe(["ok", "refused"]);
  const [ok, refused] = await peer.expectAll(SUBSCRIBE, SUBSCRIBE);
  peer.send(suback(ok.id, 0), suback(refused.id, 0x87));
  const subscription = await asking;
  const got = [];
  await subscribed(client, peer, "other", {}, (message) => got.push(message.text()));
  await subscribed(client, peer, "refused", {}, (message) => got.push(message.text()));
  const ending = subscription.unsubscribe();
  const { id, filters } = await peer.expect(UNSUBSCRIBE);
  assert.deepEqual(filters, [{ filter: "ok" }]);
  peer.send(unsuback(id, 0), publish("other", "1"), publish("refused", "2"));
  await ending;
  await until(() => got.length === 2);
}));

test("a signal between the answers of an array takes all of it back", withClient(async ({ client, peer }) => {
  const controller = new AbortController();
  const asking = client.subscribe(["a", "b"], { signal: controller.signal });
  const [a, b] = await peer.expectAll(SUBSCRIBE, SUBSCRIBE);
  peer.send(suback(a.id, 0));
  await pause(20);
  controller.abort();
  await assert.rejects(asking, { code: "CANCELLED" });
  const { id, filters } = await peer.expect(UNSUBSCRIBE);
  assert.deepEqual(filters, [{ filter: "a" }, { filter: "b" }]);
  peer.send(suback(b.id, 0), unsuback(id, 0, 0));
  await client.drain();
}));

test("… and close() rejects it with what it is", withClient(async ({ client, peer }) => {
  const asking = client.subscribe(["a", "b"]);
  const [a] = await peer.expectAll(SUBSCRIBE, SUBSCRIBE);
  peer.send(suback(a.id, 0));
  await pause(20);
  void client.close();
  await assert.rejects(asking, { code: "CLIENT_CLOSED" });
}));

for (const [what, second] of [
  ["is cancelled before it leaves", async (client, peer) => {
    const controller = new AbortController();
    const cancelled = client.subscribe("f/#", { signal: controller.signal });
    controller.abort();
    await assert.rejects(cancelled, { code: "CANCELLED" });
  }],
  ["is refused", async (client, peer) => {
    const refused = client.subscribe("f/#");
    peer.send(suback((await peer.expect(SUBSCRIBE)).id, 0x97));
    await assert.rejects(refused, { code: "SUBSCRIBE_REFUSED" });
  }],
]) {
  test(`a second user that ${what} keeps no retained message from the first`, withClient(async ({ client, peer }) => {
    const got = [];
    await subscribed(client, peer, "f/#", {}, (message) => got.push(message.text()));
    await second(client, peer);
    peer.send(retained("1"), retained("2"));
    await until(() => got.length === 2);
  }));
}

test("a filter that the first user has left, and the second was refused, is given up", withClient(async ({ client, peer }) => {
  const first = await subscribed(client, peer, "a");
  const asking = client.subscribe("a", { qos: 1 });
  const { id } = await peer.expect(SUBSCRIBE);
  await first.unsubscribe(); // the second uses it
  peer.send(suback(id, 0x87));
  await assert.rejects(asking, { code: "SUBSCRIBE_REFUSED" });
  const undoing = await peer.expect(UNSUBSCRIBE);
  assert.deepEqual(undoing.filters, [{ filter: "a" }]);
  peer.send(unsuback(undoing.id, 0));
  await client.drain();
}));

test("those who ask together are served together", withClient(async ({ client, peer }) => {
  const got = [[], []];
  const asking = [0, 1].map((index) => client.subscribe("f/#", (message) => got[index].push(message.text())));
  const [first, second] = await peer.expectAll(SUBSCRIBE, SUBSCRIBE);
  peer.send(suback(first.id, 0), suback(second.id, 0), retained("1"), retained("1"));
  await Promise.all(asking);
  await until(() => got[0].length > 0 && got[1].length > 0);
}));

test("a cancelled subscription holds up no acknowledgement", withClient(async ({ client, peer }) => {
  const controller = new AbortController();
  const asking = client.subscribe("m", { qos: 1, ack: "manual", signal: controller.signal });
  const { id } = await peer.expect(SUBSCRIBE);
  peer.send(publish("m", "early", { qos: 1, id: 7, properties: identifier(1) }));
  await pause(20);
  controller.abort();
  await assert.rejects(asking, { code: "CANCELLED" });
  const all = [await peer.next(), await peer.next()].map(({ type }) => type).sort((a, b) => a - b);
  assert.deepEqual(all, [PUBACK, UNSUBSCRIBE]);
  peer.send(suback(id, 1));
}));

test("a question goes after the SUBSCRIBE for its answers", withClient(async ({ client, peer }) => {
  const asking = client.request("ask", "?");
  const { type, id } = await peer.next();
  assert.equal(type, SUBSCRIBE);
  peer.send(suback(id, 1));
  assert.equal((await peer.next()).topic, "ask");
  client.close();
  await assert.rejects(asking, { code: "CLIENT_CLOSED" });
}));

test("a batch is not handed over after unsubscribe(), nor after close()", withClient(async ({ client, peer }) => {
  let batches = 0;
  const batch = client.batch("a", () => batches++);
  peer.send(suback((await peer.expect(SUBSCRIBE)).id, 0));
  const subscription = await batch;
  let end = () => subscription.unsubscribe().catch(() => {});
  client.route("a", () => end());
  peer.send(publish("a", "x"));
  await peer.expect(UNSUBSCRIBE);
  assert.equal(batches, 0);
  const other = client.batch("b", () => batches++);
  peer.send(suback((await peer.expect(SUBSCRIBE)).id, 0));
  await other;
  client.route("b", () => void client.close());
  peer.send(publish("b", "x"));
  await peer.ended();
  assert.equal(batches, 0);
}));

test("a batch that is not handed over holds up no acknowledgement", withClient(async ({ client, peer }) => {
  const batch = client.batch("a", { qos: 1, ack: "manual" }, () => assert.fail());
  peer.send(suback((await peer.expect(SUBSCRIBE)).id, 1));
  const subscription = await batch;
  client.route("a", () => void subscription.unsubscribe().catch(() => {}));
  peer.send(publish("a", "x", { qos: 1, id: 1 }), publish("b", "x", { qos: 1, id: 2 }));
  const packets = [await peer.next(), await peer.next(), await peer.next()];
  assert.deepEqual(packets.filter(({ type }) => type === PUBACK).map(({ id }) => id), [1, 2]);
}));

test("after close() no message is acknowledged, by hand neither", withClient(async ({ client, peer }) => {
  const got = [];
  await subscribed(client, peer, "a", { qos: 1, ack: "manual" }, (message) => got.push(message));
  peer.send(publish("a", "x", { qos: 1, id: 1 }));
  await until(() => got.length === 1);
  void client.close();
  got[0].ack();
  await peer.expect(DISCONNECT);
}));

test("messages() ends with close(), also before its SUBSCRIBE is answered", withClient(async ({ client, peer }) => {
  const loop = (async () => {
    for await (const message of client.messages("a")) assert.fail(message.topic);
  })();
  await peer.expect(SUBSCRIBE);
  await client.close();
  await loop;
}));

test("a refusal by hand has a reason code of PUBACK", withClient(async ({ client, peer }) => {
  const got = [];
  await subscribed(client, peer, "m", { qos: 1, ack: "manual" }, (message) => got.push(message));
  peer.send(publish("m", "x", { qos: 1, id: 9 }));
  await until(() => got.length === 1);
  for (const code of [0, 5, 0x85, 300, -1, NaN, 128.5, "128"]) assert.throws(() => got[0].reject(code), RangeError, String(code));
  got[0].reject(0x87);
  const { id, reason } = await peer.expect(PUBACK);
  assert.deepEqual([id, reason], [9, 0x87]);
  peer.send(acknowledgement(PUBACK, 1));
}));
