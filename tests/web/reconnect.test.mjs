// What follows a connection that was lost: pauses, other URLs, and what ends a pause at once.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, connect } from "tarta";
import { acknowledgement, DISCONNECT, FakeBroker, packet, PINGREQ, PUBACK, PUBLISH, publish, SUBSCRIBE } from "./fake-broker.mjs";
import { fails, pause, startBroker as start, subscribed, until } from "./kit.mjs";

const quick = { min: 1, max: 10 };
const options = { version: 5, reconnect: false };

// Statements: scenarios 31; classes 18
test("a line is tried when the network or the page comes back, and ends where nothing answers", async (t) => {
  const broker = await start(t);
  const listeners = new EventTarget(); // Node has no such events
  const real = performance.now;
  for (const name of ["addEventListener", "removeEventListener"]) globalThis[name] = listeners[name].bind(listeners);
  t.after(() => {
    performance.now = real;
    delete globalThis.addEventListener;
    delete globalThis.removeEventListener;
  });
  const connecting = connect(broker.url, { version: 5, reconnect: quick, clientId: "me" });
  const peer = await broker.online();
  const client = await connecting;
  t.after(() => client.close());
  const reasons = [];
  client.addEventListener("state", ({ detail }) => reasons.push(detail.reason?.code));
  Object.defineProperty(globalThis, "navigator", { value: { onLine: false }, configurable: true, writable: true });
  t.after(() => delete globalThis.navigator);
  listeners.dispatchEvent(new Event("offline"));
  await peer.expectNothing();
  globalThis.navigator = { onLine: true };
  listeners.dispatchEvent(new Event("online"));
  await peer.expect(PINGREQ);
  performance.now = () => real.call(performance) + 5000;
  listeners.dispatchEvent(new Event("pageshow"));
  await broker.online({ sessionPresent: 1 });
  assert.equal(reasons[0], "KEEPALIVE_TIMEOUT");
});

test("a lost connection is followed by another, that goes on with the session", async (t) => {
  const broker = await start(t);
  const changes = [];
  const connecting = connect(broker.url, { version: 5, reconnect: quick, clientId: "me" });
  const first = await broker.online();
  assert.equal(first.connect.body[7] & 2, 2, "Clean Start");
  const client = await connecting;
  t.after(() => client.close());
  client.addEventListener("state", ({ detail }) => changes.push(detail));
  const got = [];
  await subscribed(client, first, "in", { qos: 1 }, (message) => got.push(message.text()));
  const sent = client.publish("out", "sent", { qos: 1 });
  await first.expect(PUBLISH);
  first.drop();
  await until(() => client.state === "reconnecting");
  const queued = [client.publish("out", "queued 0"), client.publish("out", "queued 1", { qos: 1 })];

  const second = await broker.online({ sessionPresent: 1 });
  assert.equal(second.connect.body[7] & 2, 0, "no Clean Start");
  const again = await second.expect(PUBLISH);
  assert.deepEqual([again.payload.toString(), again.flags & 8], ["sent", 8]);
  const rest = await second.expectAll(PUBLISH, PUBLISH);
  assert.deepEqual(rest.map(({ payload }) => payload.toString()).sort(), ["queued 0", "queued 1"]);
  second.send(...[again, ...rest].filter(({ id }) => id).map(({ id }) => acknowledgement(PUBACK, id)), publish("in", "hello"));
  await Promise.all([sent, ...queued]);
  await until(() => got.length === 1);
  assert.deepEqual(changes.map(({ state }) => state), ["reconnecting", "online"]);
  assert.equal(changes[0].attempt, 1);
  assert.equal(changes[0].reason.code, "CONNECTION_LOST");
  assert.ok(changes[0].retryAt >= Date.now() - 5000);

  second.drop();
  const third = await broker.online(); // it has lost the session
  assert.deepEqual((await third.expect(SUBSCRIBE)).filters, [{ filter: "in", options: 1 }]);
});

test("a violation of the server's ends that connection alone; one that the server tells of is final", async (t) => {
  const broker = await start(t);
  const connecting = connect(broker.url, { version: 5, reconnect: quick });
  const first = await broker.online();
  const client = await connecting;
  t.after(() => client.close());
  const changes = [];
  client.addEventListener("state", ({ detail: { state, reason } }) => changes.push([state, reason?.code]));
  first.send(publish("", "no topic"));
  const { body } = await first.expect(DISCONNECT);
  assert.equal(body[0], 0x82);
  const second = await broker.online({ sessionPresent: 1 });
  await until(() => client.state === "online");
  second.send(packet(0xe0, 0x82));
  await until(() => client.state === "closed");
  assert.deepEqual(changes, [["reconnecting", "PROTOCOL_ERROR"], ["online", undefined], ["closed", "SERVER_DISCONNECTED"]]);
});

test("a URL is asked for at each attempt, and so are credentials; several are tried in turn", async (t) => {
  const broker = await start(t);
  const attempts = [];
  let tokens = 0;
  const connecting = connect(async (attempt) => (attempts.push(attempt), attempt === 1 ? "ws://127.0.0.1:1" : broker.url), {
    version: 5, reconnect: quick, credentials: () => ({ username: `token ${++tokens}` }),
  });
  const first = await broker.online();
  const client = await connecting;
  t.after(() => client.close());
  assert.ok(first.connect.body.includes(Buffer.from("token 1")));
  first.drop();
  const second = await broker.online();
  assert.ok(second.connect.body.includes(Buffer.from("token 3")));
  assert.deepEqual(attempts, [0, 1, 2]);

  const round = connect(["ws://127.0.0.1:1", "ws://127.0.0.1:1/x", broker.url], { version: 5, reconnect: { min: 60_000, max: 60_000 } });
  await broker.online();
  await (await round).close();
  await fails(connect(["ws://127.0.0.1:1", "ws://127.0.0.1:1/x"], { version: 5 }), "NETWORK_ERROR");
});

test("credentials() that throws", async (t) => {
  const cause = new Error("no token");
  const error = await fails(connect("ws://127.0.0.1:1", { ...options, credentials: async () => { throw cause; } }), "NETWORK_ERROR", { cause });
  assert.match(error.message, /no token/);
});

test("initial: true goes on trying", async (t) => {
  const broker = await start(t);
  const attempts = [];
  const connecting = connect((attempt) => (attempts.push(attempt), attempt < 3 ? "ws://127.0.0.1:1" : broker.url), { version: 5, reconnect: { ...quick, initial: true } });
  await broker.online();
  await (await connecting).close();
  assert.deepEqual(attempts, [0, 1, 2, 3]);
});

/** The random number from 0 to 1 that the core draws from its seed after `skipped` others (core/splitmix.hpp). */
function drawn(seed, skipped) {
  let z = BigInt.asUintN(64, seed + 0x9e3779b97f4a7c15n * BigInt(skipped + 1));
  z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
  z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
  return Number(z ^ (z >> 31n)) / 2 ** 64;
}

// Statements: classes 19
test("pauses are a random part of a time that grows; one short connection does not begin them anew", async (t) => {
  const { getRandomValues } = crypto;
  t.after(() => (crypto.getRandomValues = getRandomValues));
  crypto.getRandomValues = (array) => array.fill(7);
  const broker = await start(t);
  const client = new Client((attempt) => (attempt === 3 ? broker.url : "ws://127.0.0.1:1"), {
    version: 5, reconnect: { min: 40, max: 200, factor: 2, initial: true },
  });
  t.after(() => client.close());
  const pauses = [];
  client.addEventListener("state", ({ detail: { state, retryAt } }) => {
    if (retryAt) pauses.push(retryAt - Date.now());
    if (state === "online") setTimeout(() => peer.drop(), 5);
  });
  const connecting = client.connect();
  const peer = await broker.online();
  await connecting;
  await until(() => pauses.length === 6);
  // A long part follows a short one, and at the maximum each is drawn. There was a connection for a moment after the third.
  const [part, ...others] = [2, 3, 4, 5].map((skipped) => drawn((7n << 32n) | 7n, skipped));
  const expected = [40 * part, 80 * (1 - part), 160 * part, ...others.map((other) => 200 * other)];
  for (const [i, ms] of expected.entries()) assert.ok(Math.abs(pauses[i] - ms) < 10, `${pauses} are not ${expected}`);
});

test("a session that expires while there is no connection is told at once", async (t) => {
  const broker = await start(t);
  const connecting = connect(broker.url, { version: 5, sessionExpiryInterval: 1, reconnect: { min: 60_000, max: 60_000 } });
  const peer = await broker.online();
  const client = await connecting;
  t.after(() => client.close());
  const doubtful = client.publish("t", "x", { qos: 2 });
  await peer.expect(PUBLISH);
  peer.drop();
  const before = performance.now();
  await fails(doubtful, "SESSION_LOST");
  assert.ok(performance.now() - before > 800);
});

// ---- several URLs ----

test("after a connection that was lost the first URL has its turn again", async (t) => {
  const first = await FakeBroker.start();
  const second = await start(t);
  await first.stop();
  const connecting = connect([first.url, second.url], { version: 5, reconnect: quick });
  const peer = await second.online();
  const client = await connecting;
  t.after(() => client.close());
  const repaired = await start(t, { port: Number(new URL(first.url).port) });
  peer.drop();
  await repaired.online();
});

test("a server whose connections do not stay up is left for the next, after three", async (t) => {
  const [hectic, calm] = await Promise.all([start(t), start(t)]);
  const connecting = connect([hectic.url, calm.url], { version: 5, reconnect: quick });
  const peer = await hectic.online();
  const client = await connecting;
  t.after(() => client.close());
  peer.drop();
  for (let connection = 1; connection < 3; connection++) (await hectic.online()).drop();
  await calm.online();
});

// ---- what ends a pause at once ----

/** What a page has and Node has not: the network's state, a document, and their events. */
function pretendPage(t) {
  const events = new EventTarget();
  const page = {
    navigator: { onLine: true },
    document: { visibilityState: "visible", addEventListener() {}, removeEventListener() {} },
    addEventListener: events.addEventListener.bind(events),
    removeEventListener: events.removeEventListener.bind(events),
  };
  for (const [name, value] of Object.entries(page)) {
    const before = Object.getOwnPropertyDescriptor(globalThis, name);
    Object.defineProperty(globalThis, name, { value, configurable: true });
    t.after(() => (before ? Object.defineProperty(globalThis, name, before) : delete globalThis[name]));
  }
  return { ...page, tell: (type) => events.dispatchEvent(new Event(type)) };
}

/** A client that has just lost its connection, and would wait for a minute; with its changes of state since then. */
async function waiting(t, broker) {
  const { getRandomValues } = crypto;
  t.after(() => (crypto.getRandomValues = getRandomValues));
  crypto.getRandomValues = (array) => array.fill(7); // no pause by chance of a few ms
  const connecting = connect(broker.url, { version: 5, reconnect: { min: 60_000, max: 60_000 } });
  const peer = await broker.online();
  const client = await connecting;
  t.after(() => client.close());
  const changes = [];
  client.addEventListener("state", ({ detail }) => changes.push(detail));
  peer.drop();
  await until(() => changes.length > 0);
  assert.ok(changes[0].retryAt - Date.now() > 10_000, "it waits for long");
  return changes;
}

test("a page that becomes visible", { timeout: 10_000 }, async (t) => {
  const [page, broker] = [pretendPage(t), await start(t)];
  await waiting(t, broker);
  page.document.visibilityState = "hidden";
  page.tell("visibilitychange");
  const next = broker.accept();
  assert.equal(await Promise.race([next, pause(50)]), undefined, "not when it is hidden");
  page.document.visibilityState = "visible";
  page.tell("visibilitychange");
  await next;
});

test("a network that comes back; without one there is no attempt", { timeout: 10_000 }, async (t) => {
  const [page, broker] = [pretendPage(t), await start(t)];
  const changes = await waiting(t, broker);
  page.navigator.onLine = false;
  page.tell("offline");
  await until(() => changes.length === 2);
  assert.deepEqual(changes.map(({ state }) => state), ["reconnecting", "offline"]);
  assert.deepEqual([changes[1].retryAt, changes[1].reason], [changes[0].retryAt, changes[0].reason]);
  const next = broker.online();
  page.tell("pageshow");
  assert.equal(await Promise.race([next, pause(50)]), undefined);
  page.navigator.onLine = true;
  page.tell("online");
  await next;
  await until(() => changes.at(-1).state === "online");
});

test("a machine that has slept", { timeout: 10_000 }, async (t) => {
  const broker = await start(t);
  await waiting(t, broker);
  const now = Date.now;
  t.after(() => (Date.now = now));
  Date.now = () => now() + 60_000; // timers have slept as well
  await broker.accept();
});
