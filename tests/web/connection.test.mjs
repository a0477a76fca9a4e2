// Connections that break, servers that do not play by the rules, and what comes after.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { test } from "node:test";
import { Client, connect, MqttError } from "tarta";
import { acknowledgement, connack, CONNECT, DISCONNECT, hex, PINGREQ, PUBACK, PUBLISH, publish, PUBREC, PUBREL, suback,
  SUBSCRIBE } from "./fake-broker.mjs";
import { fails, pause, startBroker as start, subscribed, until, withClient } from "./kit.mjs";

const options = { version: 5, reconnect: false };
const quick = { min: 1, max: 10 };

// ---- servers that break the rules ----

// Statements: 5.0 MQTT-3.14.4-2; classes 15
test("a truncated property is a typed error, and ends the connection", async (t) => {
  const broker = await start(t);
  const connecting = connect(broker.url, options);
  const peer = await broker.accept();
  await peer.expect(CONNECT);
  peer.send(hex("20 04 00 00 01 13"));
  const error = await fails(connecting, "MALFORMED_PACKET", { reasonCode: 0x81, phase: "connect", retriable: false });
  assert.match(error.message, /malformed packet: truncated/);
  assert.equal((await peer.expect(DISCONNECT)).body[0], 0x81);
  await peer.ended();
});

// Statements: classes 5
test("what follows a violation in the same chunk is not delivered", withClient(async ({ client, peer }) => {
  const got = [];
  await subscribed(client, peer, "#", { qos: 1 }, (message) => got.push(message.text()));
  const ended = new Promise((resolve) => client.addEventListener("state", ({ detail }) => resolve(detail)));
  peer.send(publish("a", "before", { qos: 1 }), hex("36 05 0001 61 0001"), publish("a", "after", { qos: 1, id: 2 }));
  const { state, reason } = await ended;
  assert.deepEqual([state, reason.code], ["closed", "MALFORMED_PACKET"]);
  assert.deepEqual(got, ["before"]);
  await fails(client.publish("a", "b"), "MALFORMED_PACKET");
}));

// Statements: 5.0 MQTT-6.0.0-1; 3.1.1 MQTT-6.0.0-1; scenarios 40
test("text, before and after CONNACK", async (t) => {
  const broker = await start(t);
  const connecting = connect(broker.url, options);
  (await broker.accept()).socket.send("welcome");
  await fails(connecting, "NOT_MQTT");
  const second = connect(broker.url, options);
  const peer = await broker.online();
  const client = await second;
  const waiting = client.publish("a", "b", { qos: 1 });
  peer.socket.send("welcome");
  await fails(waiting, "PROTOCOL_ERROR");
  await peer.ended();
});

// Statements: scenarios 41; classes 24
test("empty messages are ignored, and never sent", withClient(async ({ client, peer }) => {
  const got = [];
  await subscribed(client, peer, "a", {}, (message) => got.push(message.text()));
  for (const part of [publish("a", "one"), Buffer.alloc(0), publish("a", "two").subarray(0, 5), Buffer.alloc(0), publish("a", "two").subarray(5)]) peer.socket.send(part);
  await until(() => got.length === 2);
  assert.deepEqual(got, ["one", "two"]);
  await client.close();
  assert.ok(peer.messages.every((size) => size > 0));
}));

// Statements: 5.0 MQTT-6.0.0-4; 3.1.1 MQTT-6.0.0-4; scenarios 42
test("a subprotocol that was not asked for", async (t) => {
  const broker = await start(t, { subprotocol: null });
  const { port } = broker.server.address();
  await fails(connect(broker.url, options), "NOT_MQTT", { phase: "open" });
  // A platform that leaves this to us.
  class Careless extends EventTarget {
    readyState = 1; protocol = "other"; bufferedAmount = 0;
    constructor() { super(); setTimeout(() => this.onopen({})); }
    send() {}
    close() { setTimeout(() => this.onclose({ code: 1000 })); }
  }
  const error = await fails(connect(`ws://127.0.0.1:${port}`, { ...options, WebSocket: Careless }), "NOT_MQTT");
  assert.match(error.message, /"other"/);
});

// Statements: 5.0 MQTT-6.0.0-3
test("the subprotocol mqtt is offered", async (t) => {
  const broker = await start(t);
  const offered = new Promise((resolve) => broker.server.once("headers", (_, request) => resolve(request.headers["sec-websocket-protocol"])));
  const connecting = connect(broker.url, options);
  await broker.online();
  await (await connecting).close();
  assert.equal(await offered, "mqtt");
});

// Statements: 3.1.1 MQTT-6.0.0-3
test("… and in 3.1.1", async (t) => {
  const broker = await start(t);
  const offered = new Promise((resolve) => broker.server.once("headers", (_, request) => resolve(request.headers["sec-websocket-protocol"])));
  const connecting = connect(broker.url, { version: 4, reconnect: false });
  const peer = await broker.accept();
  await peer.expect(CONNECT);
  peer.send(hex("20 02 00 00"));
  await (await connecting).close();
  assert.equal(await offered, "mqtt");
});

test("no server; a server that is none", async (t) => {
  await fails(connect("ws://127.0.0.1:1", options), "NETWORK_ERROR", { phase: "open", retriable: true });
  const server = createServer((_, response) => response.writeHead(404).end());
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const error = await fails(connect(`ws://127.0.0.1:${server.address().port}`, options), "NOT_MQTT");
  assert.match(error.message, /404/);
});

// Statements: 5.0 MQTT-3.2.2-7, MQTT-4.13.2-1
test("refusals, with their reasons, end the connection", async (t) => {
  const broker = await start(t);
  for (const [version, answer, reasonCode, says] of [
    [5, connack({ reason: 0x87, properties: hex("1f 0003 776879") }), 0x87, /Not authorized \(0x87\): why/],
    [4, hex("20 02 00 05"), 0x87, /Not authorized/],
    [4, hex("20 02 00 02"), 0x85, /Client Identifier not valid/],
  ]) {
    const connecting = connect(broker.url, { version, reconnect: { ...quick, initial: true } }); // final all the same
    const peer = await broker.accept();
    await peer.expect(CONNECT);
    peer.send(answer);
    const error = await fails(connecting, "CONNACK_REFUSED", { reasonCode, retriable: false });
    assert.match(error.message, says);
    await peer.ended();
  }
});

// Statements: 5.0 MQTT-4.13.2-1
test("a DISCONNECT of the server ends the connection on our side, too", withClient(async ({ client, peer }) => {
  const waiting = client.publish("a", "b", { qos: 1 });
  await peer.expect(PUBLISH);
  peer.send(hex("e0 01 8b"));
  await fails(waiting, "SERVER_DISCONNECTED", { reasonCode: 0x8b });
  await peer.ended();
}));

// ---- every promise settles ----

for (const qos of [0, 1, 2]) {
  // Statements: classes 16
  test(`every promise settles wherever the server closes (QoS ${qos})`, async (t) => {
    const broker = await start(t);
    for (let survive = 0; survive < 9; survive++) {
      const client = new Client(broker.url, options);
      const loop = client.messages("loop").next();
      const work = [
        client.connect(), client.publish("a", "x", { qos }), client.subscribe("b", { qos }), client.publish("c", "y".repeat(70_000), { qos }),
        client.drain(), loop, client.request("q", "?", { timeout: 60_000 }),
        client.connect().then(async () => {
          const subscription = await client.subscribe("d");
          await client.publish("e", "z", { qos });
          await subscription.unsubscribe();
        }),
      ];
      const settling = Promise.allSettled(work);
      const peer = await broker.accept();
      for (let answered = 0; answered < survive; answered++) {
        const packet = await peer.next();
        if (!packet) break;
        const { type, id } = packet;
        if (type === CONNECT) peer.send(connack());
        else if (type === SUBSCRIBE) peer.send(suback(id, 0));
        else if (type === PUBLISH && id) peer.send(acknowledgement(packet.qos === 1 ? PUBACK : PUBREC, id));
        else if (type === PUBREL) peer.send(acknowledgement(7, id));
      }
      peer.drop();
      const outcomes = await settling;
      for (const { status, reason } of outcomes) if (status === "rejected") assert.ok(reason instanceof MqttError, String(reason));
      assert.ok(outcomes.some(({ status }) => status === "rejected"));
      assert.equal(client.state, "closed");
    }
  });
}

test("close() settles all, at each state", async (t) => {
  const broker = await start(t);
  const never = () => new Promise(() => {});
  for (const [url, more, when] of [
    [broker.url, {}, 0], [broker.url, {}, 20], [never, {}, 5], [broker.url, { credentials: never }, 5],
    ["ws://127.0.0.1:1", { reconnect: { min: 1000, max: 1000, initial: true } }, 30],
  ]) {
    const client = new Client(url, { ...options, ...more });
    const settling = Promise.all([
      fails(client.connect(), "CLIENT_CLOSED"), fails(client.publish("a", "b", { qos: 1 }), "CLIENT_CLOSED"),
      fails(client.subscribe("a"), "CLIENT_CLOSED"), fails(client.drain(), "CLIENT_CLOSED"),
    ]);
    if (when) await pause(when);
    await client.close();
    await settling;
    assert.equal(client.state, "closed");
  }
});

test("the signal ends an attempt, and later the client", async (t) => {
  const broker = await start(t);
  await fails(connect(broker.url, { ...options, signal: AbortSignal.abort("no") }), "CANCELLED", { cause: "no" });
  const early = new AbortController();
  const attempt = connect(broker.url, { ...options, signal: early.signal });
  await broker.accept();
  early.abort();
  await fails(attempt, "CANCELLED");
  const late = new AbortController();
  const connecting = connect(broker.url, { ...options, signal: late.signal });
  const peer = await broker.online();
  const client = await connecting;
  const waiting = client.publish("a", "b", { qos: 1 });
  late.abort();
  await fails(waiting, "CANCELLED");
  await peer.ended();
  assert.equal(client.state, "closed");
});

// ---- versions, sleep, masks ----

test("3.1.1 where the server does not speak 5.0, and it stays so", async (t) => {
  const broker = await start(t);
  const connecting = connect(broker.url, { reconnect: quick });
  const first = await broker.accept();
  assert.equal((await first.expect(CONNECT)).body[6], 5);
  first.send(hex("20 02 00 01"));
  const second = await broker.accept();
  assert.equal((await second.expect(CONNECT)).body[6], 4);
  second.send(hex("20 02 00 00"));
  const client = await connecting;
  t.after(() => client.close());
  assert.equal(client.server.version, 4);
  second.drop();
  assert.equal((await (await broker.accept()).expect(CONNECT)).body[6], 4);
});

test("3.1.1 where the server stays silent at 5.0", async (t) => {
  const broker = await start(t);
  const connecting = connect(broker.url, { reconnect: false, connectTimeout: 200 });
  assert.equal((await (await broker.accept()).expect(CONNECT)).body[6], 5);
  const second = await broker.accept();
  assert.equal((await second.expect(CONNECT)).body[6], 4);
  second.send(hex("20 02 00 00"));
  const client = await connecting;
  assert.equal(client.server.version, 4);
  await client.close();
});

// Statements: 3.1.1 MQTT-3.14.1-1, MQTT-3.14.4-1, MQTT-3.14.4-2
test("3.1.1: after DISCONNECT the client closes, and sends nothing more", async (t) => {
  const broker = await start(t);
  const connecting = connect(broker.url, { version: 4, reconnect: false });
  const peer = await broker.accept();
  await peer.expect(CONNECT);
  peer.send(hex("20 02 00 00"));
  const client = await connecting;
  const closing = client.close();
  const before = client.publish("a", "b"); // on the way before DISCONNECT is
  await peer.expect(PUBLISH);
  const { flags, body } = await peer.expect(DISCONNECT);
  await before;
  assert.deepEqual([flags, body.length], [0, 0]);
  assert.equal(await peer.next(), null);
  assert.equal(await peer.ended(), 1000);
  await closing;
  await fails(client.publish("a", "b"), "CLIENT_CLOSED");
});

// Statements: classes 17
test("after a sleep the line must show that it is alive", withClient(async ({ client, peer, t }) => {
  const now = Date.now;
  t.after(() => (Date.now = now));
  Date.now = () => now() + 600_000;
  client.publish("t", "x");
  await peer.expectAll(PUBLISH, PINGREQ);
}));

test("masks are zeros on loopback, where nobody could take them for something else", async (t) => {
  const server = createServer();
  t.after(() => server.close());
  const framed = new Promise((resolve) => {
    server.on("upgrade", ({ headers }, socket) => {
      const accept = createHash("sha1").update(`${headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
      socket.once("data", (bytes) => {
        resolve(bytes);
        socket.destroy();
      });
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  connect(`ws://127.0.0.1:${server.address().port}`, { version: 5, reconnect: false }).catch(() => {});
  const bytes = await framed;
  assert.equal(bytes[1] & 0x80, 0x80, "masked, as RFC 6455 §5.1 asks of a client");
  assert.deepEqual([...bytes.subarray(2, 8)], [0, 0, 0, 0, 0x10, bytes.length - 8]);
});
