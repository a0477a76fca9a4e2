// What a client with a store keeps, and what the next one with the same store makes of it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, connect, memoryStore, MqttError } from "tarta";
import {
  acknowledgement, connack, CONNECT, DISCONNECT, PUBACK, PUBCOMP, PUBLISH, publish, PUBREC, PUBREL, SUBSCRIBE, suback, UNSUBSCRIBE, unsuback,
} from "./fake-broker.mjs";
import { fates, pause, slowStore, TIMEOUT, until, withBroker } from "./kit.mjs";

const clientIdOf = ({ body }) => body.toString("latin1").match(/[0-9a-z]{23}$/)?.[0];

test("a message is stored before it is sent, and sent by the next client if need be", TIMEOUT, withBroker(async ({ broker, open }) => {
  const store = memoryStore();
  const before = new Client(broker.url, { version: 5, store });
  const { id, stored, acked } = before.enqueue("a", "kept", { qos: 2 });
  await stored;
  await before.close();
  await assert.rejects(acked, (error) => error instanceof MqttError && error.code === "CLIENT_CLOSED" && error.stored);

  const { client, peer } = await open(store);
  const settled = fates(client);
  // Whether it was sent is not known: the server is told that it may have been.
  const { topic, payload, id: packetId, qos } = await peer.expect(PUBLISH);
  assert.deepEqual([topic, payload.toString(), qos], ["a", "kept", 2]);
  peer.send(acknowledgement(PUBREC, packetId));
  await peer.expect(PUBREL);
  peer.send(acknowledgement(PUBCOMP, packetId, 0));
  await client.drain();
  assert.deepEqual(settled, [{ id, reasonCode: 0, properties: {} }]);
  const refused = client.enqueue("a", "no");
  peer.send(acknowledgement(PUBACK, (await peer.expect(PUBLISH)).id, 0x97));
  await client.drain();
  assert.deepEqual([settled[1].id, settled[1].error.reasonCode], [refused.id, 0x97]);
}));

test("what is enqueued as text, to a topic that is new, goes out as it is", TIMEOUT, withBroker(async ({ open }) => {
  const { client, peer } = await open(memoryStore());
  for (const topic of ["first", "second"]) {
    client.enqueue(topic, "a text");
    client.enqueue(topic, { toString: () => "no" }, { codec: { encode: () => "another", decode: String } });
    for (const text of ["a text", "another"]) {
      const { topic: to, payload, id } = await peer.expect(PUBLISH);
      assert.deepEqual([to, payload.toString()], [topic, text]);
      peer.send(acknowledgement(PUBACK, id));
    }
  }
  assert.throws(() => client.enqueue("third", undefined), TypeError);
  await client.drain();
}));

test("payloads of Node's buffers are copied during the call, before the store is open, too", TIMEOUT, withBroker(async ({ broker, t }) => {
  const buffer = Buffer.from("before");
  const client = new Client(broker.url, { version: 5, store: memoryStore(), will: { topic: "w", payload: buffer } });
  t.after(() => client.close());
  client.publish("a", buffer, { qos: 1 }).catch(() => {});
  client.enqueue("b", buffer);
  buffer.fill("x");
  const connecting = client.connect();
  const peer = await broker.accept();
  const { body } = await peer.expect(CONNECT);
  assert.ok(body.includes("before"));
  peer.send(connack());
  await connecting;
  const sent = await peer.expectAll(PUBLISH, PUBLISH);
  assert.deepEqual(sent.map(({ payload }) => payload.toString()), ["before", "before"]);
}));

test("nothing leaves before it is stored", TIMEOUT, withBroker(async ({ open }) => {
  const store = slowStore();
  const { client, peer } = await open(store);
  await peer.expectNothing(); // the client's own record is written
  let write;
  store.before = () => new Promise((resolve) => (write = resolve));
  const published = client.publish("a", "1", { qos: 1 });
  const subscribed = client.subscribe("b", { qos: 1 });
  client.publish("c", "not kept");
  const first = await peer.expect(PUBLISH);
  assert.equal(first.topic, "c", "QoS 0 passes what waits for the store");
  await peer.expectNothing();
  store.before = () => {};
  write();
  const packets = [await peer.next(), await peer.next()];
  const asked = packets.find(({ type }) => type === SUBSCRIBE);
  const sent = packets.find(({ type }) => type === PUBLISH);
  peer.send(acknowledgement(PUBACK, sent.id), suback(asked.id, 1));
  await Promise.all([published, subscribed]);
}));

test("the session goes on: client identifier, versions, identifiers received at QoS 2", TIMEOUT, withBroker(async ({ open }) => {
  const store = memoryStore();
  const { client: before, peer: there, hello: first } = await open(store);
  await there.expectNothing();
  there.send(publish("in", "once", { qos: 2, id: 7 }));
  await there.expect(PUBREC);
  await before.close();
  const goodbye = await there.expect(DISCONNECT);
  assert.equal(goodbye.body.length, 0, "the session does not end with the connection");

  const { client, peer, hello } = await open(store, { sessionPresent: 1 });
  assert.ok(clientIdOf(first));
  assert.equal(clientIdOf(hello), clientIdOf(first));
  assert.equal(client.clientId, clientIdOf(first));
  assert.equal(hello.body[7] & 2, 0, "not a clean start");
  assert.deepEqual([...hello.body.subarray(11, 16)], [0x11, 0, 1, 0x51, 0x80], "a day");
  let got = 0;
  client.route("in", () => got++);
  peer.send(publish("in", "once", { qos: 2, id: 7, dup: 1 }));
  assert.equal((await peer.expect(PUBREC)).reason, 0);
  peer.send(acknowledgement(PUBREL, 7));
  assert.equal((await peer.expect(PUBCOMP)).reason, 0);
  assert.equal(got, 0, "it was delivered by the client before");
}));

/** A client that has sent CONNECT, and is closed before it has an answer. */
async function unanswered(broker, store, options) {
  const client = new Client(broker.url, { version: 5, store, ...options });
  const connecting = assert.rejects(client.connect(), { code: "CLIENT_CLOSED" });
  const hello = await (await broker.accept()).expect(CONNECT);
  await client.close();
  await connecting;
  return hello;
}

test("CONNECT leaves when the client is stored, and not before", TIMEOUT, withBroker(async ({ broker, t }) => {
  const store = slowStore();
  let write;
  store.before = () => new Promise((resolve) => (write = resolve));
  const client = new Client(broker.url, { version: 5, store, connectTimeout: 300 });
  t.after(() => client.close());
  const connecting = client.connect();
  const peer = await broker.accept();
  await until(() => write);
  await peer.expectNothing(200);
  store.before = () => {};
  write();
  await peer.expect(CONNECT);
  await pause(200); // the server has its time from then on
  peer.send(connack());
  await connecting;
}));

test("the session that a client has asked for is the next one's, which asks for its subscriptions", TIMEOUT, withBroker(async ({ broker, open }) => {
  const store = memoryStore();
  const before = new Client(broker.url, { version: 5, store, clientId: "one" });
  const connecting = assert.rejects(before.connect(), { code: "CLIENT_CLOSED" });
  before.subscribe("a", { qos: 1 }).catch(() => {});
  const { stored, acked } = before.enqueue("b", "kept");
  acked.catch(() => {});
  await stored;
  await (await broker.accept()).expect(CONNECT);
  await before.close();
  await connecting;
  const { peer } = await open(store, { clientId: "one", sessionPresent: 1 });
  const [asked, sent] = await peer.expectAll(SUBSCRIBE, PUBLISH);
  assert.deepEqual([asked.filters[0].filter, sent.payload.toString(), sent.flags & 8], ["a", "kept", 0]);
}));

test("a session that is another's is refused by the next client as well", TIMEOUT, withBroker(async ({ broker }) => {
  const store = memoryStore();
  for (let round = 0; round < 3; round++) {
    const refused = connect(broker.url, { version: 5, store, clientId: "one" });
    const peer = await broker.accept();
    await peer.expect(CONNECT);
    peer.send(connack({ sessionPresent: 1 }));
    await assert.rejects(refused, { code: "SESSION_UNEXPECTED" });
  }
}));

test("a client that cannot be stored does not connect", TIMEOUT, withBroker(async ({ broker, open }) => {
  const store = slowStore();
  store.before = () => {
    throw new Error("the disk is full");
  };
  const failing = assert.rejects(connect(broker.url, { version: 5, store }), { code: "STORE_FAILED" });
  const peer = await broker.accept();
  await failing;
  await peer.expectNothing();
  store.before = () => {};
  await open(store);
}));

test("… whereas one that a server has answered is stored when that can be", TIMEOUT, withBroker(async ({ broker, t }) => {
  const store = slowStore();
  const client = new Client(broker.url, { version: 5, store });
  t.after(() => client.close());
  const connecting = client.connect();
  const peer = await broker.accept();
  await peer.expect(CONNECT);
  store.before = () => {
    throw new Error("the disk is full");
  };
  peer.send(connack());
  await connecting;
  const published = client.enqueue("a", "1").stored;
  await assert.rejects(published, { code: "STORE_FAILED" });
  await peer.expectNothing();
  store.before = () => {};
  client.publish("a", "2", { qos: 1 }).catch(() => {});
  assert.equal((await peer.expect(PUBLISH)).payload.toString(), "2");
}));

test("a client that no server has answered may give way to another", TIMEOUT, withBroker(async ({ broker, open }) => {
  const store = memoryStore();
  const generated = clientIdOf(await unanswered(broker, store));
  assert.ok(generated);
  assert.equal(clientIdOf(await unanswered(broker, store)), generated);
  assert.match((await unanswered(broker, store, { clientId: "one" })).body.toString("latin1"), /one$/);
  const { client, peer, hello } = await open(store, { clientId: "two" });
  assert.match(hello.body.toString("latin1"), /two$/);
  await peer.expectNothing();
  await client.close();
  await assert.rejects(connect(broker.url, { store, clientId: "one" }), { code: "OPTIONS_CONFLICT" });
}));

test("subscriptions keep their identifiers, and are made again where the server has lost them", TIMEOUT, withBroker(async ({ open }) => {
  const store = memoryStore();
  const { client: before, peer: there } = await open(store);
  for (const filter of ["a", "b/#"]) {
    const subscribing = before.subscribe(filter, { qos: 1 });
    const { id } = await there.expect(SUBSCRIBE);
    there.send(suback(id, 1));
    await subscribing;
  }
  await before.close();

  const { client, peer } = await open(store);
  const again = [await peer.expect(SUBSCRIBE), await peer.expect(SUBSCRIBE)];
  assert.deepEqual(again.map(({ filters, properties }) => [filters[0].filter, properties[1]]), [["a", 1], ["b/#", 2]]);
  for (const { id } of again) peer.send(suback(id, 1));
  const got = [];
  const subscribing = client.subscribe("b/#", { qos: 1 }, (message) => got.push(message.text()));
  const asked = await peer.expect(SUBSCRIBE);
  assert.equal(asked.properties[1], 2);
  peer.send(suback(asked.id, 1));
  const subscription = await subscribing;
  peer.send(publish("b/c", "here", { qos: 1, id: 3, properties: [0x0b, 2] }));
  await peer.expect(PUBACK);
  assert.deepEqual(got, ["here"]);
  const leaving = subscription.unsubscribe();
  const { id } = await peer.expect(UNSUBSCRIBE);
  peer.send(unsuback(id, 0));
  await leaving;
  await client.close();

  const { peer: last } = await open(store);
  assert.equal((await last.expect(SUBSCRIBE)).filters[0].filter, "a");
  await last.expectNothing();
}));

test("a clean start is one: the application subscribes anew, and what was in flight is as in a lost session", TIMEOUT, withBroker(async ({ broker, open }) => {
  const store = memoryStore();
  const { client: before, peer: there } = await open(store);
  for (const filter of ["a", "b"]) {
    const subscribing = before.subscribe(filter, { qos: 1 });
    there.send(suback((await there.expect(SUBSCRIBE)).id, 1));
    await subscribing;
  }
  const { stored } = before.enqueue("out", "again");
  await there.expect(PUBLISH);
  await stored;
  await before.close();
  const { client, peer, hello } = await open(store, { clean: true, reconnect: { min: 1, max: 2 } });
  assert.equal(hello.body[7] & 2, 2);
  assert.deepEqual((({ flags, payload }) => [flags & 8, payload.toString()])(await peer.expect(PUBLISH)), [0, "again"]);
  await peer.expectNothing();
  const got = [];
  const subscribing = client.subscribe("+", { qos: 1 }, (message) => got.push(message.text()));
  const { id, filters } = await peer.expect(SUBSCRIBE);
  assert.equal(filters[0].filter, "+");
  peer.send(suback(id, 1), publish("a", "1", { qos: 1, id: 1 }));
  await subscribing;
  await peer.expect(PUBACK); // it waits for nobody who has subscribed to "a"
  assert.deepEqual(got, ["1"]);
  peer.drop();
  const next = await broker.accept();
  assert.equal((await next.expect(CONNECT)).body[7] & 2, 0);
  await client.close();
  const { peer: last } = await open(store);
  assert.equal((await last.expect(SUBSCRIBE)).filters[0].filter, "+");
  await last.expect(PUBLISH);
  await last.expectNothing();
}));

test("what is published and closed at once is stored", TIMEOUT, withBroker(async ({ open }) => {
  const store = memoryStore();
  const { client: before } = await open(store);
  const published = assert.rejects(before.publish("a", "last", { qos: 1 }), (error) => error.code === "CLIENT_CLOSED" && error.stored);
  await before.close();
  await published;
  const { peer } = await open(store, { sessionPresent: 1 });
  assert.equal((await peer.expect(PUBLISH)).payload.toString(), "last");
}));

test("what is enqueued in the turn in which a connection ends is stored", TIMEOUT, withBroker(async ({ broker, t }) => {
  const client = new Client(broker.url, { version: 5, store: memoryStore(), connectTimeout: 100, reconnect: { min: 1000, max: 1000, initial: true } });
  t.after(() => client.close());
  client.connect().catch(() => {});
  await (await broker.accept()).expect(CONNECT);
  const late = performance.now() + 200;
  while (performance.now() < late); // so that the time-out is seen with what follows
  await client.enqueue("a", "1").stored;
}));

test("a message in doubt when the session is lost is told by its name", TIMEOUT, withBroker(async ({ open }) => {
  const store = memoryStore();
  const { client: before, peer: there } = await open(store);
  const { id, stored } = before.enqueue("a", "doubt", { qos: 2 });
  await stored;
  await there.expect(PUBLISH);
  await before.close();
  const { client, peer } = await open(store);
  const settled = fates(client);
  await until(() => settled.length > 0);
  assert.equal(settled[0].id, id);
  assert.equal(settled[0].error.code, "SESSION_LOST");
  await peer.expectNothing();
}));

test("an event tells of what was enqueued in vain, too", TIMEOUT, withBroker(async ({ open }) => {
  const { client } = await open(memoryStore(), { queue: { maxMessages: 1 } });
  const settled = fates(client);
  client.enqueue("a", "1");
  const { id, acked } = client.enqueue("a", "2");
  await assert.rejects(acked, { code: "QUEUE_FULL" });
  await until(() => settled.length === 1);
  assert.deepEqual([settled[0].id, settled[0].error.code], [id, "QUEUE_FULL"]);
  await client.close();
  const late = client.enqueue("a", "3");
  await until(() => settled.length === 2);
  assert.deepEqual([settled[1].id, settled[1].error.code], [late.id, "CLIENT_CLOSED"]);
}));

test("a cancelled message leaves no trace", TIMEOUT, withBroker(async ({ broker, open }) => {
  const store = memoryStore();
  const before = new Client(broker.url, { version: 5, store });
  const aborter = new AbortController();
  const { stored, acked } = before.enqueue("a", "no", { signal: aborter.signal });
  await stored;
  aborter.abort();
  await assert.rejects(acked, { code: "CANCELLED" });
  await pause(10);
  await before.close();
  const { peer } = await open(store);
  await peer.expectNothing();
}));

test("one client at a time has a store", TIMEOUT, withBroker(async ({ broker, open }) => {
  const store = memoryStore();
  const { client } = await open(store);
  await assert.rejects(connect(broker.url, { store }), { code: "STORE_IN_USE" });
  await client.close();
  await open(store, { sessionPresent: 1 });
}));

test("a client that has ended, whatever it was at, has let go of the store", TIMEOUT, withBroker(async ({ broker, open, t }) => {
  const store = slowStore();
  const again = async () => {
    const client = new Client(broker.url, { version: 5, store, clientId: "one" });
    t.after(() => client.close());
    await client.enqueue("a", "1").stored;
    await client.close();
  };
  store.slow = () => pause(20);
  await again();
  const opening = new Client(broker.url, { store });
  const abandoned = assert.rejects(opening.connect(), { code: "CLIENT_CLOSED" });
  await pause(5);
  await opening.close();
  await abandoned;
  await again();
  const refused = connect(broker.url, { version: 5, store });
  const peer = await broker.accept();
  await peer.expect(CONNECT);
  peer.send(connack({ reason: 0x86 }));
  await assert.rejects(refused, { code: "CONNACK_REFUSED" });
  await again();
  const { client, peer: other } = await open(store, { clientId: "one" });
  await other.expect(PUBLISH);
  await client.close();
  await assert.rejects(connect(broker.url, { store, clientId: "two" }), { code: "OPTIONS_CONFLICT" });
  await again();
}));

test("an empty Assigned Client Identifier is none: the store stays that of its client", TIMEOUT, withBroker(async ({ broker, open }) => {
  const store = memoryStore();
  const client = new Client(broker.url, { version: 5, reconnect: false, store, clientId: "one" });
  const connecting = client.connect();
  await broker.online({ properties: [0x12, 0, 0] });
  await connecting;
  assert.equal(client.clientId, "one");
  await client.close();
  const { client: next } = await open(store, { clientId: "one" });
  assert.equal(next.clientId, "one");
}));

test("a store that is damaged rejects, and one of another client too", TIMEOUT, withBroker(async ({ broker, open }) => {
  const store = memoryStore();
  const { client, peer } = await open(store, { clientId: "one" });
  await peer.expectNothing();
  await client.close();
  await assert.rejects(connect(broker.url, { store, clientId: "two" }), { code: "OPTIONS_CONFLICT" });
  const opened = await store.open();
  for await (const [key, value] of opened.read()) if (key > 0) await opened.write([[key, value.map((byte) => byte ^ 1)]]);
  await opened.close();
  await assert.rejects(connect(broker.url, { store }), { code: "STORE_CORRUPT" });
}));

test("enqueue() wants a store, and QoS 1 or 2", async () => {
  const client = new Client("ws://127.0.0.1:9", {});
  assert.throws(() => client.enqueue("a", "1"), TypeError);
  const durable = new Client("ws://127.0.0.1:9", { store: memoryStore() });
  assert.throws(() => durable.enqueue("a", "1", { qos: 0 }), RangeError);
  assert.throws(() => durable.enqueue("a/#", "1"), TypeError);
  assert.throws(() => new Client("ws://127.0.0.1:9", { store: {} }), TypeError);
  await assert.rejects(connect("ws://127.0.0.1:9", { store: { open: async () => ({}) } }), { code: "STORE_FAILED" });
  await durable.close();
});
