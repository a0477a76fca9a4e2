// What a server, or we, have limited: it holds for one connection, is told with a code, and nothing that passes it is sent.
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "tarta";
import { acknowledgement, connack, CONNECT, DISCONNECT, PUBACK, PUBCOMP, PUBLISH, publish, PUBREC, PUBREL,
  SUBSCRIBE } from "./fake-broker.mjs";
import { fails, startBroker, subscribed, until, withClient } from "./kit.mjs";

const MAXIMUM_QOS = 0x24, RETAIN = 0x25, RECEIVE_MAXIMUM = 0x21, TOPIC_ALIAS_MAXIMUM = 0x22, MAXIMUM_PACKET_SIZE = 0x27,
  WILDCARD = 0x28, IDENTIFIERS = 0x29, SHARED = 0x2a;

const limited = (run, properties) => withClient(run, {}, { connack: { properties } });

test("what the server has not is told, and not sent", limited(async ({ client, peer }) => {
  await fails(client.publish("t", "", { qos: 1 }), "QOS_NOT_SUPPORTED");
  await fails(client.publish("t", "", { retain: true }), "RETAIN_NOT_SUPPORTED");
  await fails(client.subscribe("a/#"), "WILDCARD_NOT_SUPPORTED");
  await fails(client.subscribe("$share/group/a"), "SHARED_NOT_SUPPORTED");
  await peer.expectNothing();
  client.subscribe("a").catch(() => {}); // it is not answered
  assert.equal((await peer.expect(SUBSCRIBE)).properties.length, 0, "no Subscription Identifier");
}, [MAXIMUM_QOS, 0, RETAIN, 0, WILDCARD, 0, IDENTIFIERS, 0, SHARED, 0]));

test("what is larger than the server takes is told, and not sent", limited(async ({ client, peer }) => {
  for (const qos of [0, 1, 2]) await fails(client.publish("t", "x".repeat(60), { qos }), "PACKET_TOO_LARGE");
  await fails(client.subscribe("f".repeat(60)), "PACKET_TOO_LARGE");
  await peer.expectNothing();
  client.publish("t", "small");
  assert.equal((await peer.expect(PUBLISH)).payload.toString(), "small");
}, [MAXIMUM_PACKET_SIZE, 0, 0, 0, 40]));

test("more than the server's Receive Maximum waits, QoS 0 and SUBSCRIBE do not", limited(async ({ client, peer }) => {
  const one = client.publish("t", "1", { qos: 1 });
  const two = client.publish("t", "2", { qos: 2 });
  const three = client.publish("t", "3", { qos: 1 });
  const [first, second] = await peer.expectAll(PUBLISH, PUBLISH);
  const subscribing = client.subscribe("s");
  const rest = client.publish("t", "0");
  await rest;
  assert.deepEqual([(await peer.next()).type, (await peer.next()).type].sort(), [PUBLISH, SUBSCRIBE].sort());
  await peer.expectNothing();
  subscribing.catch(() => {}); // it is not answered

  peer.send(acknowledgement(PUBREC, second.id)); // the exchange goes on, and keeps its place
  await peer.expect(PUBREL);
  await peer.expectNothing();
  peer.send(acknowledgement(PUBCOMP, second.id, 0x92));
  await fails(two, "PUBLISH_REFUSED", { reasonCode: 0x92 });
  const third = await peer.expect(PUBLISH);
  peer.send(acknowledgement(PUBACK, first.id, 0x10), acknowledgement(PUBACK, third.id));
  assert.deepEqual([(await one).reasonCode, (await three).reasonCode], [0x10, 0]);
}, [RECEIVE_MAXIMUM, 0, 2]));

test("more than our Receive Maximum ends the connection, also where acknowledgement is by hand", withClient(async ({ client, peer }) => {
  const held = [];
  await subscribed(client, peer, "q", { qos: 1, ack: "manual" }, (message) => held.push(message));
  const ended = new Promise((resolve) => client.addEventListener("state", ({ detail }) => resolve(detail.reason)));
  peer.send(publish("q", "1", { qos: 1, id: 1 }), publish("q", "2", { qos: 1, id: 2 }));
  await until(() => held.length === 2);
  held[0].ack();
  await peer.expect(PUBACK);
  peer.send(publish("q", "3", { qos: 1, id: 3 }));
  await until(() => held.length === 3);
  peer.send(publish("q", "4", { qos: 1, id: 4 }));
  assert.equal((await peer.expect(DISCONNECT)).body[0], 0x93);
  assert.equal((await ended).reasonCode, 0x93);
  assert.equal(held.length, 3);
}, { receiveMaximum: 2 }));

test("limits are of one connection: what is sent again keeps to those of the next, without aliases", async (t) => {
  const broker = await startBroker(t);
  const connecting = connect(broker.url, { version: 5, reconnect: { min: 1, max: 10 } });
  const online = async (options) => {
    const peer = await broker.accept();
    await peer.expect(CONNECT);
    peer.send(connack(options));
    return peer;
  };
  let peer = await online({ properties: [MAXIMUM_QOS, 1, RETAIN, 0, TOPIC_ALIAS_MAXIMUM, 0, 5, MAXIMUM_PACKET_SIZE, 0, 0, 0, 60] });
  const client = await connecting;
  t.after(() => client.close());
  const sent = ["0", "1", "2"].map((payload) => client.publish("topic", payload, { qos: 1 }));
  await peer.expectAll(PUBLISH, PUBLISH, PUBLISH);
  peer.drop();

  peer = await online({ sessionPresent: 1, properties: [RECEIVE_MAXIMUM, 0, 2] });
  const again = await peer.expectAll(PUBLISH, PUBLISH);
  await peer.expectNothing();
  peer.send(...again.map(({ id }) => acknowledgement(PUBACK, id)));
  again.push(await peer.expect(PUBLISH));
  peer.send(acknowledgement(PUBACK, again[2].id));
  assert.deepEqual(again.map(({ flags, topic, properties, payload }) => [flags, topic, properties.length, payload.toString()]),
    ["0", "1", "2"].map((payload) => [0b1010, "topic", 0, payload]));
  await Promise.all(sent);

  client.publish("topic", "x".repeat(100), { qos: 2, retain: true }).catch(() => {});
  const { flags, topic, properties } = await peer.expect(PUBLISH);
  assert.deepEqual([flags, topic, properties.length], [0b0101, "topic", 0]);
});

// Statements: 5.0 MQTT-2.2.1-3
test("65,535 messages under way have an identifier each; there is none for another until one is free", withClient(async ({ client, peer }) => {
  const most = 65_535;
  const sent = Array.from({ length: most }, () => client.publish("a", "", { qos: 1 }));
  const ids = new Set();
  while (ids.size < most) ids.add((await peer.expect(PUBLISH)).id);
  assert.deepEqual([Math.min(...ids), Math.max(...ids)], [1, most]);
  await fails(client.publish("a", "", { qos: 1 }), "PACKET_IDENTIFIERS_EXHAUSTED", { retriable: true });

  peer.send(acknowledgement(PUBACK, 777));
  await sent[[...ids].indexOf(777)];
  sent.push(client.publish("a", "", { qos: 1 }));
  assert.equal((await peer.expect(PUBLISH)).id, 777);
  peer.send(...[...ids].map((id) => acknowledgement(PUBACK, id)));
  assert.equal((await Promise.all(sent)).length, most + 1);
}, { keepalive: 0, queue: { maxMessages: 100_000 } }));
