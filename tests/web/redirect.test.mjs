// Servers that send their clients elsewhere (Server Reference, 5.0 §4.11).
import assert from "node:assert/strict";
import test from "node:test";
import { connect } from "tarta";
import { connack, FakeBroker, packet } from "./fake-broker.mjs";
import { until, withClient } from "./kit.mjs";
import { source } from "./source.mjs";

const { readReference } = await source("options.ts");

const USE_ANOTHER = 0x9c;
const MOVED = 0x9d;
const quick = { min: 0, max: 0 };

const reference = (name) => [0x1c, 0, name.length, ...Buffer.from(name)];
const goodbye = (reason, name) => packet(0xe0, reason, name.length + 3, reference(name));
const host = ({ url }) => url.slice("ws://".length);

async function start(t) {
  const broker = await FakeBroker.start();
  t.after(() => broker.stop());
  return broker;
}

async function refuse(broker, reason, name) {
  const peer = await broker.accept();
  await peer.next();
  peer.send(connack({ reason, properties: reference(name) }));
}

// Statements: scenarios 39; classes 23
test("a reference is told, and not followed unless that is asked for", async (t) => {
  const [one, two] = [await start(t), await start(t)];
  for (const [reason, retriable] of [[USE_ANOTHER, false], [MOVED, false]]) {
    const connecting = connect(one.url, { version: 5, reconnect: reason === MOVED && quick });
    await refuse(one, reason, host(two));
    await assert.rejects(connecting, { code: "CONNACK_REFUSED", reasonCode: reason, serverReference: host(two), retriable });
  }
  assert.equal(two.server.clients.size, 0);
});

// Statements: scenarios 39; classes 23
test("redirect: \"follow\" goes there, before CONNACK and after", async (t) => {
  const [one, two, three] = [await start(t), await start(t), await start(t)];
  const connecting = connect(one.url, { version: 5, redirect: "follow", reconnect: quick });
  await refuse(one, MOVED, host(two));
  const peer = await two.online();
  const client = await connecting;
  t.after(() => client.close());
  const changes = [];
  client.addEventListener("state", ({ detail }) => changes.push(detail.state));
  peer.send(goodbye(USE_ANOTHER, `${host(three)} ${host(one)}`));
  await (await three.online()).ended; // the first of several
  await until(() => client.state === "online");
  assert.deepEqual(changes, ["reconnecting", "online"]);
});

test("when that server is gone, the URLs that were given are tried again", async (t) => {
  const one = await start(t);
  const connecting = connect(one.url, { version: 5, redirect: "follow", reconnect: { ...quick, initial: true } });
  await refuse(one, USE_ANOTHER, "127.0.0.1:1");
  await one.online();
  await (await connecting).close();
});

test("servers that send a client to and fro do not keep it busy", async (t) => {
  const [one, two] = [await start(t), await start(t)];
  const connecting = connect(one.url, { version: 5, redirect: "follow", reconnect: false });
  const rejected = assert.rejects(connecting, { reasonCode: USE_ANOTHER });
  for (const [broker, other] of [[one, two], [two, one], [one, two], [two, one], [one, two], [two, one]]) {
    await refuse(broker, USE_ANOTHER, host(other));
  }
  await rejected;
});

test("an unknown word is a mistake", withClient(async ({ broker }) => {
  assert.throws(() => void connect(broker.url, { redirect: "manual" }), { name: "TypeError", message: /redirect/ });
}));

// Statements: classes 23
test("what is no host, or has another scheme, is followed nowhere", () => {
  const used = new URL("wss://one:8084/mqtt");
  for (const reference of ["mqtts://two:8883", "https://two", "user:pw@two", "2001:db8::1", "two/path", "two?x", "", "ws:two"]) {
    assert.equal(readReference(reference, used), undefined, reference);
  }
  assert.equal(readReference("[2001:db8::1]:1", used).href, "wss://[2001:db8::1]:1/mqtt");
  assert.equal(readReference("two", used).href, "wss://two:8084/mqtt");
});

// Statements: scenarios 39; classes 23
test("from wss: never to ws:; a path and a query stay", () => {
  const from = new URL("wss://one.example:8084/mqtt?token=1");
  const read = (name) => readReference(name, from)?.href;
  assert.equal(read("two.example"), "wss://two.example:8084/mqtt?token=1");
  assert.equal(read("two.example:443"), "wss://two.example/mqtt?token=1");
  assert.equal(read("[::1]:8084 other"), "wss://[::1]:8084/mqtt?token=1");
  assert.equal(read("wss://two.example/x"), "wss://two.example/x");
  for (const name of ["ws://two.example/x", "one.example:8084", "", "wss://", undefined, "//", "a b".slice(1)]) {
    assert.equal(read(name), undefined, name);
  }
  assert.equal(readReference("wss://two.example/", new URL("ws://one.example/")).href, "wss://two.example/");
});
