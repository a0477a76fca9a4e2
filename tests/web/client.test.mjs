// Publishing, subscribing and closing, against a scripted broker.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, connect, MqttError } from "tarta";
import { acknowledgement, AUTH, connack, CONNECT, DISCONNECT, FakeBroker, hex, identifier, PINGREQ, PUBACK, PUBCOMP, PUBLISH, publish,
  PUBREC, PUBREL, suback, SUBSCRIBE, unsuback, UNSUBSCRIBE, packet } from "./fake-broker.mjs";
import { pause, startBroker, subscribed, until, withClient } from "./kit.mjs";

const rejectsWith = (promise, code, more = {}) =>
  assert.rejects(promise, (error) => {
    assert.ok(error instanceof MqttError, String(error));
    assert.equal(error.code, code, error.message);
    for (const [key, value] of Object.entries(more)) assert.equal(error[key], value, key);
    return true;
  });

// ---- connecting and closing ----

// Statements: 5.0 MQTT-3.1.2-1, MQTT-3.1.2-3, MQTT-3.1.2-9, MQTT-3.1.2-17, MQTT-3.1.2-19, MQTT-3.1.3-1, MQTT-3.14.4-2
test("CONNECT says what the options say; close() says goodbye", async (t) => {
  const broker = await FakeBroker.start();
  t.after(() => broker.stop());
  const connecting = connect(broker.url, {
    clientId: "me", keepalive: 30, sessionExpiryInterval: 10, receiveMaximum: 20, topicAliasMaximum: 5, maximumPacketSize: 1000,
    credentials: async () => ({ username: "user", password: new Uint8Array([1, 2]) }),
    will: { topic: "w", payload: "bye", qos: 1, retain: true, delayInterval: 3, properties: { contentType: "a" } },
    properties: { requestResponseInformation: 1, userProperties: [["k", "v"], ["k", "v"], ["__proto__", ""]] },
  });
  const peer = await broker.accept();
  const { body } = await peer.expect(CONNECT);
  const has = (bytes) => assert.ok(body.includes(hex(bytes)), `${bytes} in ${body.toString("hex")}`);
  has("0004 4d515454 05 ee 001e"); // user name, password, retained will at QoS 1, clean start; keep alive 30
  has("11 0000000a");
  has("21 0014");
  has("27 000003e8");
  has("22 0005");
  has("19 01");
  has("26 0001 6b 0001 76 26 0001 6b 0001 76 26 0009 5f5f70726f746f5f5f 0000"); // in order, duplicates kept
  has("0002 6d65"); // "me"
  has("18 00000003");
  has("03 0001 61");
  has("0001 77 0003 627965 0004 75736572 0002 0102"); // will, user name, password
  peer.send(connack({ properties: hex("12 0003 796f75 13 000a 24 01") }));
  const client = await connecting;
  assert.equal(client.state, "online");
  assert.deepEqual({ ...client.server }, { assignedClientIdentifier: "you", serverKeepAlive: 10, maximumQoS: 1, version: 5, sessionPresent: false });
  assert.equal(client.clientId, "you");

  const changes = [];
  const watching = (async () => {
    for await (const change of client.stateChanges()) changes.push(change.state);
  })();
  const closing = client.close();
  const goodbye = await peer.expect(DISCONNECT);
  assert.equal(goodbye.body.toString("hex"), "00051100000000", "Session Expiry Interval 0");
  await closing;
  await peer.ended();
  await watching;
  assert.equal(client.state, "closed");
  assert.deepEqual(changes, ["closed"]);
  await client.close();
  await rejectsWith(client.publish("a", "b"), "CLIENT_CLOSED");
  await rejectsWith(client.subscribe("a"), "CLIENT_CLOSED");
  await rejectsWith(client.connect(), "CLIENT_CLOSED");
});

// Statements: 5.0 MQTT-3.1.2-16, MQTT-3.1.2-17, MQTT-3.1.2-18, MQTT-3.1.2-19
test("what credentials there are, empty ones too, and no others", async (t) => {
  const broker = await startBroker(t);
  for (const [credentials, flags, end] of [
    [undefined, "02", ""], [{}, "02", ""], [{ username: "u" }, "82", "000175"], [{ username: "" }, "82", "0000"],
    [{ password: "p" }, "42", "000170"], [{ password: "" }, "42", "0000"], [{ username: "", password: "" }, "c2", "00000000"],
  ]) {
    const connecting = connect(broker.url, { version: 5, reconnect: false, clientId: "me", credentials });
    const { connect: { body } } = await broker.online();
    assert.equal(body.toString("hex", 7, 8), flags, JSON.stringify(credentials));
    assert.equal(body.toString("hex").replace(/.*00026d65/, ""), end, JSON.stringify(credentials));
    await (await connecting).close();
  }
});

// Statements: 5.0 MQTT-3.1.3-12
test("a user name that is no text is not left off, nor is that of the last attempt sent", async (t) => {
  const broker = await startBroker(t);
  const given = [{ username: "u" }, { username: new Uint8Array([0xff]), password: "p" }];
  const connecting = connect(broker.url, { version: 5, reconnect: { min: 1, max: 1 }, credentials: () => given.shift() ?? { username: "v" } });
  const peer = await broker.online();
  const client = await connecting;
  t.after(() => client.close());
  const problem = new Promise((resolve) => client.addEventListener("error", ({ detail }) => /no text/.test(detail.message) && resolve()));
  peer.drop();
  await problem;
  const { connect: { body } } = await broker.online();
  assert.equal(body.subarray(-3).toString("latin1"), "\0\x01v");
});

test("close() does not wait for ever", withClient(async ({ client, peer }) => {
  peer.socket._socket.pause();
  const begin = Date.now();
  await client.close();
  assert.ok(Date.now() - begin < 3000);
}));

test("close() of a client that never connected", async () => {
  const client = new Client("ws://127.0.0.1:1");
  const publishing = client.publish("a", "b", { qos: 1 });
  const failing = rejectsWith(publishing, "CLIENT_CLOSED");
  assert.equal(client.state, "idle");
  await client.close();
  await failing;
  assert.equal(client.state, "closed");
});

// Statements: 5.0 MQTT-1.5.4-1, MQTT-1.5.4-2, MQTT-3.3.1-4, MQTT-3.3.2-1, MQTT-3.3.2-2, MQTT-3.3.2-8, MQTT-3.3.4-6; 3.1.1 MQTT-1.5.3-1, MQTT-1.5.3-2; classes 13
test("mistakes in arguments are told at once", withClient(async ({ client, peer }) => {
  assert.throws(() => new Client("http://", {}), TypeError);
  assert.throws(() => new Client("ftp://host/"), TypeError);
  assert.throws(() => new Client([]), TypeError);
  assert.throws(() => new Client("ws://host", { keepalive: -1 }), RangeError);
  assert.throws(() => new Client("ws://host", { keepalive: "60" }), TypeError);
  assert.throws(() => new Client("ws://host", { version: 6 }), TypeError);
  assert.throws(() => new Client("ws://host", { reconnect: { min: 10, max: 1 } }), RangeError);
  assert.throws(() => new Client("ws://host", { clientId: "\ud800" }), TypeError);
  assert.throws(() => new Client("ws://host", { will: { topic: "a/#" } }), TypeError);
  assert.throws(() => new Client("ws://host", { store: {} }), TypeError);
  for (const will of [true, { payload: "x" }, { topic: "a".repeat(70_000) }, { topic: "a", payload: "x".repeat(70_000) }]) {
    assert.throws(() => new Client("ws://host", { will }), /will\./);
  }
  for (const options of [
    { clientId: "a".repeat(70_000) }, { credentials: { username: "a".repeat(70_000) } }, { credentials: { password: new Uint8Array(70_000) } },
    { authentication: { method: "m", data: new Uint8Array(70_000) } },
  ]) assert.throws(() => new Client("ws://host", options), RangeError);
  for (const options of [
    { clientId: 5 }, { credentials: { username: 5 } }, { credentials: { username: "\ud800" } }, { log: 5 }, { signal: {} }, { properties: { keepalive: 5 } },
    { properties: { toString: 3 } }, { clientID: "a" }, { keepAlive: 5 }, { websocket: class {} },
    { version: 4, authentication: { method: "m" } }, { version: 3, credentials: { password: "p" } },
    { version: 4, credentials: { password: "" } },
  ]) assert.throws(() => new Client("ws://host", options), TypeError, JSON.stringify(options));
  assert.equal(new Client("ws://host", { reconnect: { min: undefined }, whatever: 1, "(": 1 }).state, "idle");
  assert.throws(() => client.publish(new Uint8Array([97]), "x"), TypeError);
  for (const payload of [["[object ArrayBuffer]"], { [Symbol.toStringTag]: "ArrayBuffer" }]) assert.throws(() => client.publish("a", payload), TypeError);
  for (const userProperties of [["ab", "cd"], "ab", [["a", "b", "c"]]]) assert.throws(() => client.publish("a", "b", { properties: { userProperties } }), TypeError);
  for (const ask of [
    () => client.publish("a", "b", { qos: 1, signal: {} }), () => client.subscribe("a", { signal: {} }), () => client.subscribe("a", { ack: "manuel" }),
    () => client.publish("a", "b", { QoS: 1 }), () => client.subscribe("a", { QoS: 1 }), () => client.subscribe([{ filter: "a", QOS: 1 }]),
    () => client.subscribe("a", () => {}, { qos: 1 }), () => client.batch("a", () => {}, { qos: 1 }),
    () => client.subscribe("a", { overflow: "bogus" }), () => client.subscribe("a", {}, 5), () => client.batch("a", {}), () => client.route("a", 5),
  ]) assert.throws(ask, TypeError, String(ask));
  assert.throws(() => client.close({ reasonCode: 300 }), RangeError);
  assert.throws(() => client.reauthenticate(), TypeError);
  await rejectsWith(client.request("a", "b", { signal: AbortSignal.abort() }), "CANCELLED");
  for (const topic of ["a/#", "+", "", "a\0", "\udfff", undefined]) assert.throws(() => client.publish(topic, "x"), TypeError, String(topic));
  const detached = new ArrayBuffer(8);
  structuredClone(detached, { transfer: [detached] });
  for (const payload of [undefined, null, 1, {}, detached, "\ud800"]) assert.throws(() => client.publish("a", payload), TypeError);
  assert.throws(() => client.publish("a", "b", { qos: 3 }), RangeError);
  assert.throws(() => client.publish("a", "b", { expiry: -1 }), RangeError);
  assert.throws(() => client.publish("a", "b", { properties: { contentTyp: "x" } }), TypeError);
  assert.throws(() => client.publish("a", "b", { properties: { topicAlias: 1 } }), TypeError);
  for (const properties of [{ contentType: "a\0" }, { payloadFormatIndicator: 2 }, { receiveMaximum: 1 }, { subscriptionIdentifier: 1 }]) {
    assert.throws(() => client.publish("a", "b", { properties }), TypeError, JSON.stringify(properties));
  }
  for (const filter of ["a#", "#/a", "", "{a...}/b", "{a}/{a}", "$share/g/"]) assert.throws(() => client.subscribe(filter), TypeError, filter);
  assert.throws(() => client.subscribe("a", { ack: "manual", overflow: "drop-oldest" }), RangeError);
  assert.throws(() => client.messages("{a...}/b"), TypeError);
  await peer.expectNothing();
}));

// ---- publishing ----

test("a limit of 0 is a mistake that is told at once, and nothing comes after it", async () => {
  for (const options of [{ receiveMaximum: 0 }, { maximumPacketSize: 0 }]) {
    assert.throws(() => new Client("ws://127.0.0.1:1", options), RangeError, JSON.stringify(options));
  }
  await pause(50); // an exception of the engine would end the test
});

// Statements: 5.0 MQTT-1.5.4-2, MQTT-3.1.3-4, MQTT-3.1.3-12; 3.1.1 MQTT-1.5.3-2, MQTT-3.1.3-11, MQTT-3.1.3-4
test("an option that is no text of MQTT is a mistake, not left off", () => {
  for (const options of [
    { clientId: "a\0" }, { credentials: { username: "a\0" } }, { authentication: { method: "a\0" } },
    { properties: { userProperties: [["a\0", "b"]] } }, { will: { topic: "w", properties: { contentType: "a\0" } } },
  ]) {
    assert.throws(() => new Client("ws://127.0.0.1:1", options), TypeError, JSON.stringify(options));
  }
});

// Statements: 5.0 MQTT-3.14.2-3, MQTT-3.14.2-4
test("a goodbye that is larger than the server takes leaves its words off", withClient(async ({ client, peer }) => {
  const closing = client.close({ reasonCode: 4, properties: { reasonString: "twenty-one characters", userProperties: [["k", "v"]] } });
  const { body } = await peer.expect(DISCONNECT);
  assert.equal(body.toString("hex"), "04" + "05" + "1100000000"); // the session still ends with it
  await closing;
}, {}, { connack: { properties: hex("27 00000014") } }));

// Statements: 5.0 MQTT-3.3.2-14
test("what the server would call a protocol error is not sent", withClient(async ({ client, peer }) => {
  assert.throws(() => client.close({ properties: { sessionExpiryInterval: 5 } }), RangeError);
  assert.throws(() => new Client("ws://127.0.0.1:1", { properties: { authenticationData: new Uint8Array(1) } }), TypeError);
  for (const responseTopic of ["a/#", "+", ""]) {
    assert.throws(() => new Client("ws://127.0.0.1:1", { will: { topic: "w", properties: { responseTopic } } }), TypeError, responseTopic);
  }
  for (const properties of [{ subscriptionIdentifier: 5 }, { userProperties: [["a\0", "b"]] }, { reasonString: "why" }]) {
    assert.throws(() => void client.subscribe("a", { properties }), TypeError, JSON.stringify(properties));
  }
  await peer.expectNothing();
}, { sessionExpiryInterval: 0 }));

// Statements: 5.0 MQTT-1.5.7-1, MQTT-3.3.2-13, MQTT-3.3.2-14, MQTT-3.3.2-19, MQTT-3.8.3-1; 3.1.1 MQTT-3.8.3-1
test("what is no text, or no name where one is asked for, is not sent", withClient(async ({ client, peer }) => {
  for (const properties of [{ responseTopic: "a/#" }, { responseTopic: "+" }, { responseTopic: "" }, { responseTopic: "\udc00" }, { contentType: "\ud800" }]) {
    assert.throws(() => client.publish("a", "b", { properties }), TypeError, JSON.stringify(properties));
  }
  for (const pair of [["a\0", "b"], ["a", "b\0"], ["\ud800", "b"], ["a", "\ud800"]]) {
    assert.throws(() => client.publish("a", "b", { properties: { userProperties: [pair] } }), TypeError, JSON.stringify(pair));
  }
  assert.throws(() => client.subscribe("a/\ud800"), TypeError);
  await peer.expectNothing();
}));

test("QoS 0, 1 and 2; refusals", withClient(async ({ client, peer }) => {
  const zero = client.publish("t", "0", { properties: { contentType: "c" }, expiry: 9 });
  const one = client.publish("t", "1", { qos: 1, retain: true });
  const two = client.publish("t", "2", { qos: 2 });
  const refused = [client.publish("t", "3", { qos: 1 }), client.publish("t", "4", { qos: 2 })];
  for (const promise of refused) promise.catch(() => {});
  const packets = await peer.expectAll(PUBLISH, PUBLISH, PUBLISH, PUBLISH, PUBLISH);
  assert.deepEqual(packets.map(({ topic, qos, payload }) => [topic, qos, payload.toString()]), [["t", 0, "0"], ["t", 1, "1"], ["t", 2, "2"], ["t", 1, "3"], ["t", 2, "4"]]);
  assert.equal(packets[0].properties.toString("hex"), "0200000009" + "03000163");
  assert.equal(packets[1].flags & 1, 1);
  assert.equal(peer.messages.length, 2, "one WebSocket message for CONNECT, one for the turn");
  assert.deepEqual(await zero, { reasonCode: 0, properties: {} });
  peer.send(acknowledgement(PUBACK, packets[1].id, 0x10));
  assert.equal((await one).reasonCode, 0x10);
  peer.send(acknowledgement(PUBREC, packets[2].id));
  await peer.expect(PUBREL);
  peer.send(acknowledgement(PUBCOMP, packets[2].id));
  assert.equal((await two).reasonCode, 0);
  peer.send(packet(0x40, [0, packets[3].id, 0x87, 6, 0x1f, 0, 3], Buffer.from("why")), acknowledgement(PUBREC, packets[4].id, 0x97));
  await rejectsWith(refused[0], "PUBLISH_REFUSED", { reasonCode: 0x87, reasonString: "why", phase: "publish", retriable: false });
  await rejectsWith(refused[1], "PUBLISH_REFUSED", { reasonCode: 0x97, retriable: true });
}));

test("QoS 0 messages of a turn share a promise and a WebSocket message", withClient(async ({ client, peer }) => {
  const promises = Array.from({ length: 100 }, (_, index) => client.publish(`t/${index}`, "x"));
  assert.equal(new Set(promises).size, 1);
  await promises[0];
  const next = client.publish("t", "y");
  assert.notEqual(next, promises[0]);
  await next;
  for (let left = 101; left > 0; left--) await peer.expect(PUBLISH);
  assert.equal(peer.messages.length, 3);
}));

test("payloads are copied during the call", withClient(async ({ client, peer }) => {
  const bytes = new Uint8Array([1, 2, 3]);
  client.publish("a", bytes);
  bytes.fill(9);
  assert.deepEqual([...(await peer.expect(PUBLISH)).payload], [1, 2, 3]);
}));

test("a codec", withClient(async ({ client, peer }) => {
  client.publish("a", { b: 1 }, { codec: { encode: JSON.stringify } });
  assert.equal((await peer.expect(PUBLISH)).payload.toString(), '{"b":1}');
}));

test("more topics than the core keeps names for", withClient(async ({ client, peer }) => {
  for (let index = 0; index < 3000; index++) client.publish(`t/${index % 1500}`, String(index % 1500));
  for (let index = 0; index < 3000; index++) {
    const { topic, payload } = await peer.expect(PUBLISH);
    assert.equal(topic, `t/${payload}`);
  }
}));

for (const deflate of [false, true]) {
  test(`bytes are the socket's own${deflate ? " (permessage-deflate)" : ""}`, withClient(async ({ client, peer }) => {
    const payloads = Array.from({ length: 60 }, (_, index) => Buffer.alloc(1000 + index * 1500, index));
    for (const payload of payloads) {
      client.publish("t", payload);
      await null; // a turn of its own: the core writes to the same place again
      await null;
    }
    for (const payload of payloads) assert.ok((await peer.expect(PUBLISH)).payload.equals(payload), `${payload.length} bytes`);
    assert.ok(peer.messages.every((size) => size > 0 && size <= 65_536));
  }, {}, { deflate }));
}

test("what PUBREC says is told with what PUBCOMP says", withClient(async ({ client, peer }) => {
  const sent = client.publish("t", "x", { qos: 2 });
  const { id } = await peer.expect(PUBLISH);
  const properties = hex("1f 0003 776879" + "26 0001 61 0001 62"); // Reason String, a user property
  peer.send(packet(PUBREC << 4, [id >> 8, id & 255, 0x10, properties.length], properties));
  await peer.expect(PUBREL);
  peer.send(acknowledgement(PUBCOMP, id));
  assert.deepEqual(await sent, { reasonCode: 0x10, properties: { reasonString: "why", userProperties: [["a", "b"]] } });
}));

test("signals take messages back", withClient(async ({ client, peer }) => {
  const controller = new AbortController();
  const sent = client.publish("t", "sent", { qos: 1, signal: controller.signal });
  const { id } = await peer.expect(PUBLISH);
  controller.abort("enough");
  await rejectsWith(sent, "CANCELLED", { cause: "enough" });
  peer.send(acknowledgement(PUBACK, id)); // tells nobody
  await rejectsWith(client.publish("t", "never", { signal: AbortSignal.abort() }), "CANCELLED");
  client.publish("t", "next");
  assert.equal((await peer.expect(PUBLISH)).payload.toString(), "next");
}));

test("signals take back what is asked of the server", withClient(async ({ client, peer }) => {
  const kept = await subscribed(client, peer, "kept");
  await rejectsWith(kept.unsubscribe({ signal: AbortSignal.abort("why") }), "CANCELLED", { cause: "why" });
  await peer.expectNothing();

  const controller = new AbortController();
  const asked = client.subscribe("asked", { signal: controller.signal });
  const { id } = await peer.expect(SUBSCRIBE);
  controller.abort();
  await rejectsWith(asked, "CANCELLED");
  const { id: undoing, filters } = await peer.expect(UNSUBSCRIBE); // the server may have it
  assert.deepEqual(filters, [{ filter: "asked" }]);
  peer.send(suback(id, 0), unsuback(undoing, 0));
  await client.drain();
}));

test("of what was taken back before there was a connection the server hears nothing", async (t) => {
  const broker = await startBroker(t);
  const client = new Client(broker.url, { version: 5, reconnect: false });
  t.after(() => client.close());
  const controller = new AbortController();
  const { signal } = controller;
  const asked = client.subscribe("asked", { signal });
  const sent = client.publish("sent", "", { qos: 1, signal });
  controller.abort();
  for (const one of [asked, sent]) await rejectsWith(one, "CANCELLED");
  const connecting = client.connect();
  const peer = await broker.online();
  await connecting;
  client.publish("next", "");
  assert.equal((await peer.expect(PUBLISH)).topic, "next");
  await peer.expectNothing();
});

test("a signal takes back a question that waits, and ends the wait for its answer", async (t) => {
  const client = new Client("ws://127.0.0.1:1", { version: 5 });
  t.after(() => client.close());
  const controller = new AbortController();
  const asked = client.request("t", "?", { qos: 1, signal: controller.signal });
  await until(() => client.stats.pending === 1);
  controller.abort();
  await rejectsWith(asked, "CANCELLED");
  await until(() => client.stats.pending === 0);
});

test("drain()", withClient(async ({ client, peer }) => {
  await client.drain();
  client.publish("t", "x", { qos: 1 });
  let drained = false;
  const draining = client.drain().then(() => (drained = true));
  const { id } = await peer.expect(PUBLISH);
  assert.equal(drained, false);
  peer.send(acknowledgement(PUBACK, id));
  await draining;
  assert.equal(client.stats.pending, 0);
}));

// ---- subscribing ----

test("one subscription for all that use a filter", withClient(async ({ client, peer }) => {
  const got = [[], [], []];
  const handler = (index) => (message) => got[index].push(message.text());
  const first = await subscribed(client, peer, "room/{name}", { qos: 0 }, handler(0));
  peer.send(publish("room/a", "retained", { retain: 1 }));
  await until(() => got[0].length === 1);

  const joining = client.subscribe("room/+", { qos: 1 }, handler(1));
  const again = await peer.expect(SUBSCRIBE);
  assert.deepEqual(again.filters, [{ filter: "room/+", options: 1 }]);
  peer.send(suback(again.id, 1));
  const second = await joining;
  peer.send(publish("room/a", "retained", { retain: 1 }), publish("room/a", "live"));
  await until(() => got[1].length === 2);
  assert.deepEqual(got, [["retained", "live"], ["retained", "live"], []]);

  const third = client.subscribe("room/+", { qos: 0 }, handler(2));
  const highest = await peer.expect(SUBSCRIBE);
  assert.deepEqual(highest.filters, [{ filter: "room/+", options: 1 }], "the highest QoS that anyone asks for");
  peer.send(suback(highest.id, 1));
  await rejectsWith(client.subscribe("room/+", { noLocal: true }), "SUBSCRIPTION_CONFLICT");

  await first.unsubscribe();
  await (await third).unsubscribe();
  await peer.expectNothing();
  const ending = second.unsubscribe();
  const { id, filters } = await peer.expect(UNSUBSCRIBE);
  assert.deepEqual(filters, [{ filter: "room/+" }]);
  peer.send(publish("room/a", "late"), unsuback(id, 0));
  await ending;
  assert.equal(got.flat().includes("late"), false);
}));

// Statements: classes 21
test("patterns and params; topics with names of Object.prototype", withClient(async ({ client, peer }) => {
  const got = [];
  await subscribed(client, peer, "site/{__proto__}/{rest...}", {}, ({ params, topic }) => got.push([topic, params["__proto__"], params.rest]));
  peer.send(publish("site/__proto__/a/b", "x"), publish("site/constructor", "x"));
  await until(() => got.length === 2);
  assert.deepEqual(got, [["site/__proto__/a/b", "__proto__", "a/b"], ["site/constructor", "constructor", ""]]);
  const literal = client.subscribe("{a}", { params: false });
  const { id, filters } = await peer.expect(SUBSCRIBE);
  assert.equal(filters[0].filter, "{a}");
  peer.send(suback(id, 0));
  await literal;
}));

// Statements: 5.0 MQTT-3.8.3-3, MQTT-3.8.3-5, MQTT-3.9.3-1
test("several filters; some are refused", withClient(async ({ client, peer }) => {
  const some = client.subscribe(["a", { filter: "b", qos: 2, noLocal: true, retainAsPublished: true, retainHandling: 2 }], { qos: 1 });
  const [a, b] = await peer.expectAll(SUBSCRIBE, SUBSCRIBE);
  assert.deepEqual([...a.filters, ...b.filters], [{ filter: "a", options: 1 }, { filter: "b", options: 2 | 4 | 8 | (2 << 4) }]);
  peer.send(suback(a.id, 0x87), packet(0x90, [0, b.id, 6, 0x1f, 0, 3], Buffer.from("low"), 1));
  assert.deepEqual([...(await some).granted], [0x87, 1]);
  assert.deepEqual((await some).properties, { reasonString: "low" });
  const none = client.subscribe("c");
  const { id } = await peer.expect(SUBSCRIBE);
  peer.send(packet(0x90, [0, id, 6, 0x1f, 0, 3], Buffer.from("why"), 0x8f));
  await rejectsWith(none, "SUBSCRIBE_REFUSED", { reasonCode: 0x8f, reasonString: "why", phase: "subscribe" });
}));

// Statements: 5.0 MQTT-3.3.4-4
test("Subscription Identifiers decide whom a copy is for", withClient(async ({ client, peer }) => {
  const got = { wide: [], narrow: [], routed: [] };
  const wide = client.subscribe("a/#", {}, (message) => got.wide.push(message.text()));
  const narrow = client.subscribe("a/+", {}, (message) => got.narrow.push(message.text()));
  client.route("a/b", (message) => got.routed.push(message.text()));
  const asked = await peer.expectAll(SUBSCRIBE, SUBSCRIBE);
  const [one, two] = asked.map(({ properties }) => properties);
  assert.equal(one[0], 0x0b);
  assert.notEqual(one[1], two[1]);
  peer.send(...asked.map(({ id }) => suback(id, 0)));
  await Promise.all([wide, narrow]);
  peer.send(publish("a/b", "for wide", { properties: [...one] }), publish("a/b", "for narrow", { properties: [...two] }),
    publish("a/b", "for both", { properties: [...one, ...two] }), publish("a/b", "for whom?", { properties: identifier(99) }),
    publish("a/b", "unnamed"));
  await until(() => got.routed.length === 5);
  assert.deepEqual(got.wide, ["for wide", "for both", "for whom?", "unnamed"]);
  assert.deepEqual(got.narrow, ["for narrow", "for both", "for whom?", "unnamed"]);
}));

test("routes are there before the first message, and end when disposed of", async (t) => {
  const broker = await FakeBroker.start();
  t.after(() => broker.stop());
  const got = [];
  const connecting = connect(broker.url, { version: 5, routes: { "early/+": (message) => got.push(message.topic) } });
  const peer = await broker.accept();
  await peer.expect(CONNECT);
  peer.send(connack(), publish("early/a", "x"));
  const client = await connecting;
  t.after(() => client.close());
  const route = client.route("late/{x}", (message) => got.push(message.params.x));
  peer.send(publish("late/b", "x"));
  await until(() => got.length === 2);
  route[Symbol.dispose]();
  peer.send(publish("late/c", "x"), publish("early/d", "x"));
  await until(() => got.length === 3);
  assert.deepEqual(got, ["early/a", "b", "early/d"]);
  await peer.expectNothing();
});

test("loops drop what is too much, and end with their signal", withClient(async ({ client, peer }) => {
  const controller = new AbortController();
  const subscription = await subscribed(client, peer, "a", { buffer: 2, signal: controller.signal });
  peer.send(...[1, 2, 3].map((id) => publish("a", `${id}`)));
  await until(() => client.stats.messagesReceived === 3);
  assert.equal(client.stats.dropped, 1);
  controller.abort();
  const got = [];
  for await (const message of subscription) got.push(message.text());
  assert.deepEqual(got, ["2", "3"]);
  peer.send(unsuback((await peer.expect(UNSUBSCRIBE)).id, 0));
}));

// Statements: 5.0 MQTT-3.3.2-3, MQTT-4.5.0-2
test("message events", withClient(async ({ client, peer }) => {
  const got = [];
  client.addEventListener("message", ({ detail }) => got.push([detail.topic, detail.text(), detail.qos]));
  peer.send(publish("nobody/subscribed", "x", { qos: 1 }));
  await peer.expect(PUBACK);
  assert.deepEqual(got, [["nobody/subscribed", "x", 1]]);
}));

// Statements: 5.0 MQTT-1.5.4-3; 3.1.1 MQTT-1.5.3-3
test("U+FEFF is a character as any other", withClient(async ({ client, peer }) => {
  const got = [];
  await subscribed(client, peer, "\ufeff/#", {}, ({ topic, properties }) => got.push([topic, properties.contentType]));
  peer.send(publish("\ufeff/a", "x", { properties: [...hex("03 0005 efbbbf c3a5")] }));
  await until(() => got.length === 1);
  assert.deepEqual(got, [["\ufeff/a", "\ufeffå"]]);
  client.publish("\ufeff/b", "x");
  assert.equal((await peer.expect(PUBLISH)).body.toString("hex", 2, 7), "efbbbf2f62");
}));

// ---- authentication ----

// Statements: 5.0 MQTT-4.12.0-3, MQTT-4.12.1-1
test("enhanced authentication, and once more on the open connection", async (t) => {
  const broker = await FakeBroker.start();
  t.after(() => broker.stop());
  const seen = [];
  const connecting = connect(broker.url, {
    version: 5,
    reconnect: false,
    authentication: { method: "m", data: "first", next: async (data) => `answer to ${(seen.push(String.fromCharCode(...data)), seen.at(-1))}` },
  });
  const auth = (reason, data) => packet(0xf0, reason, [7 + data.length], [0x15, 0, 1, 0x6d, 0x16, 0, data.length], Buffer.from(data));
  const peer = await broker.accept();
  assert.ok((await peer.expect(CONNECT)).body.includes(Buffer.from("first")));
  peer.send(auth(0x18, "a"));
  assert.ok((await peer.expect(AUTH)).body.includes(Buffer.from("answer to a")));
  peer.send(connack({ properties: hex("15 0001 6d") }));
  const client = await connecting;
  t.after(() => client.close());
  const once = client.reauthenticate();
  assert.equal((await peer.expect(AUTH)).body[0], 0x19);
  peer.send(auth(0x18, "b"));
  assert.ok((await peer.expect(AUTH)).body.includes(Buffer.from("answer to b")));
  peer.send(auth(0, "c"));
  await once;
  assert.deepEqual(seen, ["a", "b"]);
});

// Statements: 5.0 MQTT-4.12.1-2
test("authentication once more that fails on our side ends the connection", withClient(async ({ client, peer }) => {
  const once = client.reauthenticate();
  const failing = assert.rejects(once, MqttError);
  await peer.expect(AUTH);
  peer.send(hex("f0 06 18 04 15 0001 6d"));
  assert.equal((await peer.expect(DISCONNECT)).body.length > 0, true);
  await failing;
  await peer.ended();
  assert.equal(client.state, "closed");
}, { authentication: { method: "m", next: () => { throw new Error("no key"); } } }, { connack: { properties: hex("15 0001 6d") } }));

// Statements: scenarios 31; classes 18
test("keep alive", { timeout: 5000 }, withClient(async ({ client, peer }) => {
  await peer.expect(PINGREQ);
  const lost = new Promise((resolve) => client.addEventListener("state", ({ detail }) => resolve(detail)));
  const { state, reason } = await lost;
  assert.equal(state, "closed");
  assert.equal(reason.code, "KEEPALIVE_TIMEOUT");
}, { keepalive: 1 }));
