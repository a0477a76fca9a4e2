// What `packet` events tell of the packets that go over the line.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, connect } from "tarta";
import { acknowledgement, CONNECT, connack, packet, PUBACK, PUBLISH, publish, PUBREC, SUBSCRIBE, suback, UNSUBSCRIBE, unsuback } from "./fake-broker.mjs";
import { startBroker, subscribed, until, withClient } from "./kit.mjs";

/** Collects what is told; what nobody asks for is left out, and payloads are text. */
function listen(client) {
  const told = [];
  client.addEventListener("packet", ({ detail: { direction, type, redacted, payload, properties, ...fields } }) => {
    const shown = properties && Object.keys(properties).length > 0 ? { properties } : {};
    told.push([direction, type, { ...fields, ...shown, ...(payload && { payload: Buffer.from(payload).toString() }), ...(redacted.length > 0 && { redacted }) }]);
  });
  return told;
}

test("all packets, both ways, in order, from CONNECT to DISCONNECT", async (t) => {
  const broker = await startBroker(t);
  const client = new Client(broker.url, { version: 5, reconnect: false, clientId: "me", sessionExpiryInterval: 7, topicAliasMaximum: 0 });
  const told = listen(client);
  const connecting = client.connect();
  const peer = await broker.online();
  await connecting;
  const subscribing = client.subscribe(["a/+", { filter: "b", qos: 2 }], { qos: 1 });
  for (let left = 2; left > 0; left--) peer.send(suback((await peer.expect(SUBSCRIBE)).id, 1));
  const subscription = await subscribing;
  const published = client.publish("a/b", "text", { qos: 1, retain: true, properties: { contentType: "plain", userProperties: [["a", "b"]] } });
  peer.send(publish("a/c", "in", { qos: 0 }), acknowledgement(PUBACK, (await peer.expect(PUBLISH)).id, 0x10));
  await published;
  const leaving = subscription.unsubscribe();
  peer.send(unsuback((await peer.expect(UNSUBSCRIBE)).id, 0, 0));
  await leaving;
  await client.close();
  assert.deepEqual(told, [
    ["out", "connect", { protocolVersion: 5, cleanStart: true, keepalive: 60, clientId: "me", properties: { sessionExpiryInterval: 7, maximumPacketSize: 16777216 } }],
    ["in", "connack", { sessionPresent: false, reasonCode: 0 }],
    ["out", "subscribe", { packetIdentifier: 1, subscriptions: [{ filter: "a/+", options: 1 }], properties: { subscriptionIdentifier: 1 } }],
    ["out", "subscribe", { packetIdentifier: 2, subscriptions: [{ filter: "b", options: 2 }], properties: { subscriptionIdentifier: 2 } }],
    ["in", "suback", { packetIdentifier: 1, reasonCodes: [1] }],
    ["in", "suback", { packetIdentifier: 2, reasonCodes: [1] }],
    ["out", "publish", { dup: false, qos: 1, retain: true, topic: "a/b", packetIdentifier: 3, payload: "text", properties: { contentType: "plain", userProperties: [["a", "b"]] } }],
    ["in", "publish", { dup: false, qos: 0, retain: false, topic: "a/c", payload: "in" }],
    ["in", "puback", { packetIdentifier: 3, reasonCode: 0x10 }],
    ["out", "unsubscribe", { packetIdentifier: 4, filters: ["a/+", "b"] }],
    ["in", "unsuback", { packetIdentifier: 4, reasonCodes: [0, 0] }],
    ["out", "disconnect", { reasonCode: 0, properties: { sessionExpiryInterval: 0 } }],
  ]);
});

test("what might let somebody in is left out", async (t) => {
  const broker = await startBroker(t);
  const client = new Client(broker.url, {
    version: 5,
    reconnect: false,
    credentials: { username: "canary", password: "canary" },
    authentication: { method: "token", data: "canary" },
    properties: { userProperties: [["token", "canary"]] },
  });
  const told = listen(client);
  const connecting = client.connect().catch(() => {});
  const peer = await broker.accept();
  await peer.expect(CONNECT);
  const data = [0x15, 0, 5, ...Buffer.from("token"), 0x16, 0, 6, ...Buffer.from("canary")];
  peer.send(packet(0xf0, 0x18, data.length, data));
  await until(() => told.length > 1);
  const reference = Buffer.from("host?token=canary");
  peer.send(connack({ reason: 0x9d, properties: [0x1c, 0, reference.length, ...reference] }));
  await connecting;
  await until(() => told.some(([, type]) => type === "connack"));
  assert.deepEqual(told.map(([direction, type, { redacted }]) => [direction, type, redacted]), [
    ["out", "connect", ["username", "password", "authenticationData", "userProperties"]],
    ["in", "auth", ["authenticationData"]],
    ["out", "auth", undefined],
    ["in", "connack", undefined],
  ]);
  assert.doesNotMatch(JSON.stringify(told), /canary/);
});

test("what is sent may be larger than what is accepted", withClient(async ({ client, peer }) => {
  const told = listen(client);
  client.publish("a", "x".repeat(500));
  await peer.expect(PUBLISH);
  assert.deepEqual(told.map(([direction, type, { payload }]) => [direction, type, payload.length]), [["out", "publish", 500]]);
}, { maximumPacketSize: 100 }));

test("3.1.1, and packets that come in pieces, one by one and joined", async (t) => {
  const broker = await startBroker(t);
  const connecting = connect(broker.url, { version: 4, reconnect: false });
  const peer = await broker.accept();
  await peer.expect(CONNECT);
  peer.send(packet(0x20, 0, 0));
  const client = await connecting;
  t.after(() => client.close());
  const told = listen(client);
  const large = "x".repeat(200_000);
  const bytes = Buffer.concat([packet(0x32, 0, 1, "a".charCodeAt(), 0, 1, 0x31), packet(0x30, 0, 1, "b".charCodeAt(), Buffer.from(large)), acknowledgement(PUBREC, 9)]);
  let sent = 0;
  for (const end of [1, 3, 5, 9, 70_000, bytes.length]) {
    peer.send(bytes.subarray(sent, end));
    sent = end;
  }
  await until(() => told.filter(([direction]) => direction === "in").length === 3);
  const types = told.filter(([direction]) => direction === "in");
  assert.deepEqual(types.map(([, type, { topic, payload, packetIdentifier }]) => [type, topic, payload?.length, packetIdentifier]), [
    ["publish", "a", 1, 1], ["publish", "b", 200_000, undefined], ["pubrec", undefined, undefined, 9],
  ]);
  client.publish("c", large).catch(() => {});
  await until(() => told.some(([direction, type, { payload }]) => direction === "out" && type === "publish" && payload.length === 200_000));
});

test("who listens from the midst of a packet on hears what comes after it", withClient(async ({ client, peer }) => {
  const whole = Buffer.from(publish("a", "half", { qos: 0 }));
  peer.send(whole.subarray(0, 5));
  await until(() => client.stats.bytesReceived > 5);
  const told = listen(client);
  peer.send(whole.subarray(5), publish("a", "next"));
  await until(() => client.stats.messagesReceived === 2);
  client.publish("b", "out");
  await peer.expect(PUBLISH);
  assert.deepEqual(told.map(([direction, type]) => [direction, type]), [["out", "publish"]]);
  peer.send(publish("a", "whole"));
  await until(() => told.some(([direction, , { payload }]) => direction === "in" && payload === "whole"));
}));

test("… as does who listens from a handler on, wherever what has come is cut", withClient(async ({ client, peer }) => {
  let told;
  await subscribed(client, peer, "a", {}, () => (told ??= listen(client)));
  const half = Buffer.from(publish("a", "half"));
  peer.send(publish("a", "x".repeat(30_000)), publish("a", "x".repeat(40_000)), half.subarray(0, 5)); // more than the core takes at once
  await until(() => client.stats.messagesReceived === 2);
  peer.send(half.subarray(5));
  peer.send(publish("a", "whole"));
  await until(() => client.stats.messagesReceived === 4);
  await until(() => told.length > 0);
  assert.deepEqual(told.map(([, type, { payload }]) => [type, payload]), [["publish", "whole"]]);
}));

test("who listens while CONNACK is waited for hears what 3.1.1 says", async (t) => {
  const broker = await startBroker(t);
  const client = new Client(broker.url, { version: 4, reconnect: false });
  t.after(() => client.close());
  const connecting = client.connect();
  const peer = await broker.accept();
  await peer.expect(CONNECT);
  const told = listen(client);
  peer.send(packet(0x20, 0, 0));
  await connecting;
  client.publish("a", "text");
  await peer.expect(PUBLISH);
  assert.deepEqual(told.map(([direction, type]) => [direction, type]), [["in", "connack"], ["out", "publish"]]);
});
