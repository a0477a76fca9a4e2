// Messages that the application acknowledges itself: when that leaves, in which order, and what comes again.
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "tarta";
import { acknowledgement, DISCONNECT, PUBACK, PUBCOMP, publish, PUBREC, PUBREL, SUBSCRIBE, suback, UNSUBSCRIBE } from "./fake-broker.mjs";
import { startBroker, subscribed, until, withClient } from "./kit.mjs";

const manual = { qos: 2, ack: "manual" };

test("manual acknowledgement leaves in order, when all have answered", withClient(async ({ client, peer }) => {
  const held = [];
  await subscribed(client, peer, "a/#", { qos: 1, ack: "manual" }, (message) => held.push(message));
  await subscribed(client, peer, "a/+", { qos: 1, ack: "manual" }, (message) => held.push(message));
  peer.send(publish("a/1", "x", { qos: 1, id: 1 }), publish("a/2", "x", { qos: 1, id: 2 }), publish("b", "x", { qos: 1, id: 3 }));
  await until(() => held.length === 4);
  held[2].ack();
  held[3].reject(0x97);
  held[3].ack();
  held[0].ack();
  await peer.expectNothing();
  held[1].ack();
  const acknowledged = await peer.expectAll(PUBACK, PUBACK, PUBACK);
  assert.deepEqual(acknowledged.map(({ id, reason }) => [id, reason]), [[1, 0], [2, 0x97], [3, 0]]);
}));

test("loops acknowledge by hand when they ask for the next", withClient(async ({ client, peer }) => {
  const loop = client.messages("a", { qos: 1, ack: "manual" });
  const first = loop.next();
  const { id } = await peer.expect(SUBSCRIBE);
  peer.send(suback(id, 1), ...[1, 2, 3].map((id) => publish("a", `${id}`, { qos: 1, id })));
  assert.equal((await first).value.text(), "1");
  await peer.expectNothing();
  const { value: second } = await loop.next();
  assert.equal((await peer.expect(PUBACK)).id, 1);
  await peer.expectNothing();
  second.ack();
  await loop.return();
  const rest = [await peer.next(), await peer.next(), await peer.next()];
  assert.deepEqual(rest.map(({ type }) => type).sort((a, b) => a - b), [PUBACK, PUBACK, UNSUBSCRIBE], "what nobody will take does not hold up the rest");
}));

test("a loop whose body fails has not acknowledged its message: the next loop begins with it", withClient(async ({ client, peer }) => {
  const subscription = await subscribed(client, peer, "a", { qos: 1, ack: "manual" });
  peer.send(...[1, 2, 3].map((id) => publish("a", `${id}`, { qos: 1, id })));
  const got = [];
  const work = async () => {
    for await (const message of subscription) {
      got.push(message.text());
      if (message.text() !== "1" && got.length < 4) throw new Error("no");
    }
  };
  await assert.rejects(work(), /no/);
  assert.equal((await peer.expect(PUBACK)).id, 1);
  await peer.expectNothing();
  await assert.rejects(work(), /no/);
  await peer.expectNothing();
  assert.deepEqual(got, ["1", "2", "2"]);
  const working = work();
  await peer.expectAll(PUBACK, PUBACK);
  assert.deepEqual(got, ["1", "2", "2", "2", "3"]);
  client.close();
  await working;
}));

test("… unless it is answered afterwards; and for a loop of its own the answer is waited for", withClient(async ({ client, peer }) => {
  const subscription = await subscribed(client, peer, "a", { qos: 1, ack: "manual" });
  peer.send(publish("a", "one", { qos: 1, id: 1 }), publish("a", "two", { qos: 1, id: 2 }));
  const messages = subscription[Symbol.asyncIterator]();
  const { value: left } = await messages.next();
  await messages.return();
  left.ack();
  assert.equal((await peer.expect(PUBACK)).id, 1);
  for await (const message of subscription) {
    assert.equal(message.text(), "two");
    message.ack();
    break;
  }
  assert.equal((await peer.expect(PUBACK)).id, 2);

  const loop = client.messages("b", { qos: 1, ack: "manual" });
  const first = loop.next();
  const { id } = await peer.expect(SUBSCRIBE);
  peer.send(suback(id, 1), publish("b", "three", { qos: 1, id: 3 }), publish("b", "four", { qos: 1, id: 4 }));
  const { value } = await first;
  await loop.return();
  await peer.expect(UNSUBSCRIBE);
  await peer.expectNothing();
  value.ack();
  await peer.expectAll(PUBACK, PUBACK);
}));

test("what several loops were left with, and was answered since, does not come again", withClient(async ({ client, peer }) => {
  const subscription = await subscribed(client, peer, "a", manual);
  peer.send(...[1, 2, 3].map((id) => publish("a", `${id}`, { qos: 1, id })));
  const loops = [1, 2].map(() => subscription[Symbol.asyncIterator]());
  const left = [];
  for (const loop of loops) left.push((await loop.next()).value);
  for (const loop of loops) await loop.return();
  for (const message of left) message.ack();
  const { value } = await subscription[Symbol.asyncIterator]().next();
  assert.equal(value.text(), "3");
}));

test("what waits for a loop when the connection is lost comes once", async (t) => {
  const broker = await startBroker(t);
  const connecting = connect(broker.url, { version: 5, reconnect: { min: 1, max: 10 } });
  const first = await broker.online();
  const client = await connecting;
  t.after(() => client.close());
  const subscription = await subscribed(client, first, "a", manual);
  const messages = (dup) => [1, 2, 3].map((id) => publish("a", `${id}`, { qos: 2, id, dup }));
  first.send(...messages(0));
  await until(() => client.stats.messagesReceived === 3);
  first.drop();
  const second = await broker.online({ sessionPresent: 1 });
  second.send(...messages(1));
  await until(() => client.stats.messagesReceived === 6);
  second.drop();
  const third = await broker.online({ sessionPresent: 0 }); // the server has lost them, but not the client
  third.send(suback((await third.expect(SUBSCRIBE)).id, 2), publish("a", "4", { qos: 2, id: 4 }));
  const got = [];
  for await (const message of subscription) {
    got.push(message.text());
    if (got.length === 4) break;
  }
  assert.deepEqual(got, ["1", "2", "3", "4"]);
});

test("… and so does what a loop is left with when the connection was lost meanwhile", async (t) => {
  for (const isBack of [false, true]) {
    const broker = await startBroker(t);
    const connecting = connect(broker.url, { version: 5, reconnect: { min: 30, max: 30 } });
    const first = await broker.online();
    const client = await connecting;
    t.after(() => client.close());
    const subscription = await subscribed(client, first, "a", manual);
    const loop = subscription[Symbol.asyncIterator]();
    first.send(publish("a", "1", { qos: 1, id: 1 }));
    await loop.next();
    first.drop();
    await until(() => client.state !== "online");
    if (!isBack) await loop.return();
    const second = await broker.online({ sessionPresent: 1 });
    second.send(publish("a", "1", { qos: 1, id: 1, dup: 1 }), publish("a", "2", { qos: 1, id: 2 }));
    await until(() => client.stats.messagesReceived === 3);
    if (isBack) await loop.return();
    const got = [];
    for await (const message of subscription) {
      got.push(message.text());
      if (message.text() === "2") break;
    }
    assert.deepEqual(got, ["1", "2"]);
    assert.equal((await second.expect(PUBACK)).id, 1);
  }
});

test("… nor is it acknowledged where the loop was the only one", async (t) => {
  const broker = await startBroker(t);
  const connecting = connect(broker.url, { version: 5, reconnect: { min: 1, max: 10 } });
  const first = await broker.online();
  const client = await connecting;
  t.after(() => client.close());
  const loop = client.messages("a", manual);
  const next = loop.next();
  first.send(suback((await first.expect(SUBSCRIBE)).id, 2), publish("a", "1", { qos: 1, id: 1 }));
  await next;
  first.drop();
  const second = await broker.online({ sessionPresent: 1 });
  second.send(publish("a", "1", { qos: 1, id: 1, dup: 1 }));
  await until(() => client.stats.messagesReceived === 2);
  await loop.return();
  await second.expect(UNSUBSCRIBE);
  await second.expectNothing();
});

test("what the server has lost is not taken for what comes again with a later connection, and stays in order", async (t) => {
  const broker = await startBroker(t);
  const connecting = connect(broker.url, { version: 5, reconnect: { min: 30, max: 30 } });
  let peer = await broker.online();
  const client = await connecting;
  t.after(() => client.close());
  const subscription = await subscribed(client, peer, "a", manual);
  peer.send(publish("a", "1", { qos: 1, id: 1 }), publish("a", "2", { qos: 1, id: 2 }));
  await until(() => client.stats.messagesReceived === 2);
  const loop = subscription[Symbol.asyncIterator]();
  await loop.next();
  for (const sessionPresent of [0, 1]) {
    peer.drop();
    await until(() => client.state !== "online");
    if (!sessionPresent) await loop.return();
    peer = await broker.online({ sessionPresent });
    if (!sessionPresent) peer.send(suback((await peer.expect(SUBSCRIBE)).id, 2));
  }
  peer.send(publish("a", "3", { qos: 1, id: 1 }));
  const got = [];
  for await (const message of subscription) {
    got.push(message.text());
    if (message.text() === "3") break;
  }
  assert.deepEqual(got, ["1", "2", "3"]);
});

test("a loop that is too slow for what was acknowledged says so", withClient(async ({ client, peer }) => {
  const problems = [];
  client.addEventListener("error", ({ error }) => problems.push(error));
  const subscription = await subscribed(client, peer, "a", { qos: 1, buffer: 2 });
  peer.send(...[1, 2, 3, 4].map((id) => publish("a", `${id}`, { qos: 1, id })), publish("a", "5"));
  await until(() => client.stats.dropped === 3);
  assert.deepEqual(problems.map(({ code }) => code), ["DROPPED"]);
  assert.match(problems[0].message, /the loop over "a" is too slow/);
  const loop = subscription[Symbol.asyncIterator]();
  await loop.next();
  await loop.next();
  peer.send(...[1, 2, 3].map((id) => publish("a", `${id}`, { qos: 1, id })));
  await until(() => problems.length === 2);
}));

test("what was not acknowledged comes again after a reconnect, and an acknowledgement from before does nothing", async (t) => {
  const broker = await startBroker(t);
  const connecting = connect(broker.url, { version: 5, reconnect: { min: 1, max: 10 } });
  const first = await broker.online();
  const client = await connecting;
  t.after(() => client.close());
  const held = [];
  await subscribed(client, first, "a", manual, (message) => held.push(message));
  first.send(publish("a", "one", { qos: 1, id: 1 }), publish("a", "two", { qos: 2, id: 2 }), publish("a", "three", { qos: 1, id: 3 }));
  await until(() => held.length === 3);
  held[0].ack();
  assert.equal((await first.expect(PUBACK)).id, 1);
  first.drop();

  const second = await broker.online({ sessionPresent: 1 });
  const again = { qos: 2, id: 2, dup: 1 };
  second.send(publish("a", "two", again), publish("a", "three", { qos: 1, id: 3, dup: 1 }));
  await until(() => held.length === 5);
  assert.deepEqual(held.slice(3).map((message) => [message.text(), message.dup]), [["two", true], ["three", true]]);
  held[1].ack(); // of the first connection
  held[2].ack();
  await second.expectNothing();
  held[3].ack();
  assert.equal((await second.expect(PUBREC)).id, 2);
  second.send(publish("a", "two", again)); // PUBREC was not seen: the message is the client's, and not given out again
  held[4].ack();
  const rest = await second.expectAll(PUBACK, PUBREC);
  assert.deepEqual(rest.map(({ id }) => id), [3, 2]);
  second.send(acknowledgement(PUBREL, 2));
  await second.expect(PUBCOMP);
  assert.equal(held.length, 5);
});

// 5.0 §4.6: PUBACK in the order of the messages, PUBREC in the order of the messages.
test("PUBACK and PUBREC leave in the order of the messages", withClient(async ({ client, peer }) => {
  const held = [];
  await subscribed(client, peer, "a", manual, (message) => held.push(message));
  peer.send(...[1, 2, 1, 2].map((qos, index) => publish("a", "x", { qos, id: index + 1 })));
  await until(() => held.length === 4);
  for (const message of held.toReversed()) message.ack();
  const left = await peer.expectAll(PUBACK, PUBREC, PUBACK, PUBREC);
  assert.deepEqual(left.map(({ id }) => id), [1, 2, 3, 4]);
}));

test("close() acknowledges nothing by itself", withClient(async ({ client, peer }) => {
  const held = [];
  await subscribed(client, peer, "a", manual, (message) => held.push(message));
  peer.send(publish("a", "x", { qos: 1, id: 1 }));
  await until(() => held.length === 1);
  const closing = client.close();
  await peer.expect(DISCONNECT);
  held[0].ack(); // nothing follows DISCONNECT (5.0 §3.14.4)
  await closing;
  assert.equal(await peer.next(), null);
}));
