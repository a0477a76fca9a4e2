// What of MQTT only an application can see whole: what a lost session means, overdue acknowledgements, what was asked of the
// server to say, and authentication that fails.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, connect } from "tarta";
import { acknowledgement, AUTH, connack, CONNECT, DISCONNECT, hex, packet, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL,
  publish, SUBSCRIBE, suback } from "./fake-broker.mjs";
import { fails, startBroker, subscribed, TIMEOUT, until, withClient } from "./kit.mjs";

const quick = { min: 1, max: 10 };

// What is sent again, of a message of QoS 1 and one of QoS 2 that are under way, and whether as new ones.
for (const [onSessionLost, again] of [["resend-qos1", ["1"]], ["reject", []], ["resend", ["1", "2"]]]) {
  // Statements: scenarios 2
  test(`onSessionLost: "${onSessionLost}"`, TIMEOUT, async (t) => {
    const broker = await startBroker(t);
    const connecting = connect(broker.url, { version: 5, reconnect: quick, onSessionLost });
    const first = await broker.online();
    const client = await connecting;
    t.after(() => client.close());
    const sent = { 1: client.publish("t", "1", { qos: 1 }), 2: client.publish("t", "2", { qos: 2 }) };
    const lost = Promise.all(["1", "2"].filter((qos) => !again.includes(qos)).map((qos) => fails(sent[qos], "SESSION_LOST")));
    await first.expectAll(PUBLISH, PUBLISH);
    first.drop();

    const second = await broker.online({ sessionPresent: 0 });
    for (const qos of again) {
      const { payload, flags, id } = await second.expect(PUBLISH);
      assert.deepEqual([payload.toString(), flags & 8], [qos, 0], "a new message, without DUP");
      if (qos === "1") second.send(acknowledgement(PUBACK, id));
      else {
        second.send(acknowledgement(PUBREC, id));
        await second.expect(PUBREL);
        second.send(acknowledgement(PUBCOMP, id));
      }
      assert.equal((await sent[qos]).reasonCode, 0);
    }
    await lost;
    await second.expectNothing();
    await client.drain();
  });
}

test("an overdue acknowledgement ends the connection, and the message is sent again with the next", TIMEOUT, async (t) => {
  const broker = await startBroker(t);
  const connecting = connect(broker.url, { version: 5, reconnect: quick, ackTimeout: 50 });
  const first = await broker.online();
  const client = await connecting;
  t.after(() => client.close());
  const reasons = [];
  client.addEventListener("state", ({ detail }) => detail.reason && reasons.push(detail.reason.code));
  const sent = client.publish("t", "", { qos: 1 });
  const { id } = await first.expect(PUBLISH);
  await first.ended();
  const second = await broker.online({ sessionPresent: 1 });
  const again = await second.expect(PUBLISH);
  assert.deepEqual([again.id, again.flags & 8], [id, 8]);
  second.send(acknowledgement(PUBACK, id));
  await sent;
  assert.equal(reasons[0], "ACK_TIMEOUT");
});

// Statements: 5.0 MQTT-3.1.2-29
test("a reason string that was asked not to be sent is a breach; in PUBLISH and DISCONNECT words may come", async (t) => {
  const broker = await startBroker(t);
  const open = async () => {
    const connecting = connect(broker.url, { version: 5, reconnect: false, properties: { requestProblemInformation: 0 } });
    const peer = await broker.accept();
    assert.ok((await peer.expect(CONNECT)).body.includes(hex("17 00")), "asked for");
    peer.send(connack());
    const client = await connecting;
    t.after(() => client.close());
    return { client, peer };
  };
  const { client, peer } = await open();
  const got = [];
  await subscribed(client, peer, "t", {}, ({ properties }) => got.push(properties.userProperties));
  peer.send(publish("t", "", { properties: hex("26 0001 61 0001 62") }));
  await until(() => got.length === 1);
  assert.deepEqual(got, [[["a", "b"]]]);
  const sent = client.publish("t", "", { qos: 1 });
  const { id } = await peer.expect(PUBLISH);
  peer.send(packet(PUBACK << 4, [id >> 8, id & 255, 0x87, 6], hex("1f 0003 776879")));
  await fails(sent, "PROTOCOL_ERROR", { reasonCode: 0x82 });
  assert.equal((await peer.expect(DISCONNECT)).body[0], 0x82);

  const other = await open();
  const ended = fails(other.client.publish("t", "", { qos: 1 }), "SERVER_DISCONNECTED", { reasonCode: 0x98, reasonString: "why" });
  await other.peer.expect(PUBLISH);
  other.peer.send(packet(DISCONNECT << 4, [0x98, 6], hex("1f 0003 776879")));
  await ended;
});

// Statements: 5.0 MQTT-3.1.2-28
test("answers go where the server says, if it was asked; told without that it is a breach", async (t) => {
  const broker = await startBroker(t);
  const properties = hex("1a 0003 6d652f"); // Response Information
  const asking = connect(broker.url, { version: 5, reconnect: false, properties: { requestResponseInformation: 1 } });
  const peer = await broker.online({ properties });
  const client = await asking;
  t.after(() => client.close());
  assert.equal(client.server.responseInformation, "me/");
  const answered = client.request("question", "?");
  const { id, filters } = await peer.expect(SUBSCRIBE);
  assert.match(filters[0].filter, /^me\//);
  peer.send(suback(id, 1));
  const { properties: asked } = await peer.expect(PUBLISH);
  const at = asked.indexOf(0x09); // Correlation Data
  const correlation = asked.subarray(at, at + 3 + asked.readUInt16BE(at + 1));
  peer.send(publish(filters[0].filter, "!", { properties: correlation }));
  assert.equal((await answered).text(), "!");

  const silent = connect(broker.url, { version: 5, reconnect: false });
  await broker.online({ properties });
  await fails(silent, "PROTOCOL_ERROR", { reasonCode: 0x82 });
});

test("another session expiry with DISCONNECT; a session that never expires", async (t) => {
  const broker = await startBroker(t);
  const connecting = connect(broker.url, { version: 5, reconnect: false, sessionExpiryInterval: 0xffffffff });
  const peer = await broker.accept();
  assert.ok((await peer.expect(CONNECT)).body.includes(hex("11 ffffffff")));
  peer.send(connack());
  const client = await connecting;
  const closed = client.close({ properties: { sessionExpiryInterval: 3600 } });
  assert.deepEqual((await peer.expect(DISCONNECT)).body, hex("00 05 11 00000e10"));
  peer.socket.close();
  await closed;
});

test("what UNSUBACK says", withClient(async ({ client, peer }) => {
  const subscription = await subscribed(client, peer, "t");
  const ending = subscription.unsubscribe();
  const { id } = await peer.next();
  peer.send(packet(0xb0, [id >> 8, id & 255, 6], hex("1f 0003 776879"), 0x87));
  await fails(ending, "UNSUBSCRIBE_REFUSED", { reasonCode: 0x87, reasonString: "why" });
}));

// Each way in which authentication fails while connecting: what next() does, and what connect() rejects with.
for (const [what, next, code] of [
  ["throws", () => { throw new Error("no key"); }, "AUTHENTICATION_FAILED"],
  ["rejects", () => Promise.reject(new Error("no key")), "AUTHENTICATION_FAILED"],
  ["never answers", () => new Promise(() => {}), "CONNECT_TIMEOUT"],
]) {
  test(`authentication whose next() ${what} ends the attempt`, TIMEOUT, async (t) => {
    const broker = await startBroker(t);
    const client = new Client(broker.url, { version: 5, reconnect: false, connectTimeout: 300, authentication: { method: "m", data: "", next } });
    t.after(() => client.close());
    const connecting = fails(client.connect(), code);
    const peer = await broker.accept();
    await peer.expect(CONNECT);
    peer.send(hex("f0 06 18 04 15 0001 6d"));
    const error = await connecting;
    if (code === "AUTHENTICATION_FAILED") assert.equal(error.cause.message, "no key");
    await peer.ended();
  });
}

test("authentication in three rounds, and its refusal", async (t) => {
  const broker = await startBroker(t);
  let round = 0;
  const authentication = { method: "m", data: "0", next: () => String(++round) };
  const connecting = connect(broker.url, { version: 5, reconnect: false, authentication });
  const peer = await broker.accept();
  await peer.expect(CONNECT);
  for (const answer of ["1", "2", "3"]) {
    peer.send(hex("f0 06 18 04 15 0001 6d"));
    assert.ok((await peer.expect(AUTH)).body.includes(Buffer.from(answer)));
  }
  peer.send(connack({ reason: 0x87, properties: hex("1f 0003 776879") }));
  await fails(connecting, "CONNACK_REFUSED", { reasonCode: 0x87, reasonString: "why" });
});
