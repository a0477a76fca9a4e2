// From the first call to the last: promises that settle, states that are told once, nothing that is left behind.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import { Client, connect } from "tarta";
import { AUTH, CONNECT, FakeBroker, packet, PUBLISH, suback, SUBSCRIBE } from "./fake-broker.mjs";
import { pause, until, withClient } from "./kit.mjs";

const nowhere = "ws://127.0.0.1:1";
const states = (client) => {
  const all = [];
  client.addEventListener("state", ({ detail }) => all.push(detail.state));
  return all;
};
const run = (script) => promisify(execFile)(process.execPath, ["--input-type=module", "-e", `import { Client } from "tarta"; ${script}`], { cwd: new URL(".", import.meta.url) });

test("a QoS 0 message that nobody waits for does not end the process", async () => {
  await run(`const client = new Client("${nowhere}"); client.publish("t", "x"); await client.close();`);
});

test("close() in a handler of \"reconnecting\" leaves no timer", async () => {
  const begin = Date.now();
  await run(`
    const client = new Client("${nowhere}", { reconnect: { min: 8000, max: 8000, initial: true } });
    client.addEventListener("state", ({ detail }) => detail.retryAt && client.close());
    client.connect().catch(() => {});`);
  assert.ok(Date.now() - begin < 7_000);
});

test("\"closed\" is told once, and is the end", async () => {
  const closing = new Client(nowhere);
  const told = states(closing);
  closing.addEventListener("state", ({ detail }) => detail.state === "connecting" && closing.close());
  await assert.rejects(closing.connect(), { code: "CLIENT_CLOSED" });
  await closing.close();
  assert.deepEqual(told, ["connecting", "closed"]);

  const again = new Client(nowhere);
  const toldAgain = states(again);
  again.publish("a", "b");
  let connecting, closingAgain;
  again.addEventListener("state", () => {
    closingAgain ??= again.close();
    connecting ??= again.connect();
  });
  await again.close();
  await assert.rejects(connecting, { code: "CLIENT_CLOSED" });
  await closingAgain;
  assert.deepEqual(toldAgain, ["closed"]);
});

test("a version that is none is a mistake", () => {
  for (const version of [0, 1, 2, 6, "5"]) assert.throws(() => new Client(nowhere, { version }), /one of auto,3,4,5/);
});

test("a log that throws does no harm", withClient(async ({ client, peer }) => {
  const subscribing = client.subscribe("a", () => {
    throw new Error("a handler that throws");
  });
  peer.send(suback((await peer.expect(SUBSCRIBE)).id, 0));
  await subscribing;
  peer.send(packet(0x32, [0, 1], "a", [0, 5, 0]));
  assert.equal((await peer.next()).id, 5);
  await client.close();
}, { log() { throw new Error("no log"); } }));

test("authenticating once more: twice at a time is once; without a connection it is told", async (t) => {
  const broker = await FakeBroker.start();
  t.after(() => broker.stop());
  const method = [0x15, 0, 1, "m".charCodeAt(0)];
  const client = new Client(broker.url, { version: 5, reconnect: false, authentication: { method: "m" } });
  await assert.rejects(client.reauthenticate(), { code: "CONNECTION_LOST" });
  const connecting = client.connect();
  const peer = await broker.online({ properties: method });
  await connecting;
  const both = [client.reauthenticate(), client.reauthenticate()];
  await peer.expect(AUTH);
  await peer.expectNothing();
  peer.send(packet(0xf0, [0, method.length], method));
  await Promise.all(both);
  await client.close();
});

test("what an old connection asked for does not close a new one", async (t) => {
  const broker = await FakeBroker.start();
  t.after(() => broker.stop());
  const method = [0x15, 0, 1, "m".charCodeAt(0)];
  let fail;
  const client = new Client(broker.url, {
    version: 5, reconnect: { min: 1, max: 1, initial: true },
    authentication: { method: "m", next: () => new Promise((_, reject) => (fail = reject)) },
  });
  t.after(() => client.close());
  const connecting = client.connect();
  const first = await broker.accept();
  await first.expect(CONNECT);
  first.send(packet(0xf0, [0x18, method.length], method));
  await until(() => fail);
  first.drop();
  await broker.online({ properties: method });
  await connecting;
  fail(new Error("too late"));
  await pause(20);
  assert.equal(client.state, "online");
});

test("an Assigned Client Identifier stays", async (t) => {
  const broker = await FakeBroker.start();
  t.after(() => broker.stop());
  const client = new Client(broker.url, { version: 5, clientId: "", reconnect: { min: 1, max: 1 } });
  t.after(() => client.close());
  const connecting = client.connect();
  const peer = await broker.online({ properties: [0x12, 0, 3, ..."abc"].map((byte) => (typeof byte === "string" ? byte.charCodeAt(0) : byte)) });
  await connecting;
  peer.drop();
  await broker.online();
  await until(() => client.state === "online");
  assert.equal(client.clientId, "abc");
});

test("questions are asked again after the server did not restore the subscription for answers", async (t) => {
  const broker = await FakeBroker.start();
  t.after(() => broker.stop());
  const client = new Client(broker.url, { version: 5, reconnect: { min: 1, max: 1 } });
  t.after(() => client.close());
  const connecting = client.connect();
  const peer = await broker.online();
  await connecting;
  client.request("ask", "1", { timeout: 50 }).catch(() => {});
  const { id } = await peer.expect(SUBSCRIBE);
  peer.send(suback(id, 1));
  await peer.expect(PUBLISH);
  await pause(60);
  peer.drop();
  const next = await broker.online(); // without the session
  next.send(suback((await next.expect(SUBSCRIBE)).id, 0x87));
  await pause(20);
  client.request("ask", "2", { timeout: 50 }).catch(() => {});
  await next.expect(SUBSCRIBE);
});

test("time-outs are those that a timer takes", async (t) => {
  assert.throws(() => new Client(nowhere, { connectTimeout: 2 ** 31 }), RangeError);
  const client = new Client(nowhere, { version: 5 });
  t.after(() => client.close());
  for (const timeout of [2 ** 31, -1, NaN]) assert.throws(() => client.request("a", "b", { timeout }), RangeError);
  assert.throws(() => client.requestMany("a", "b", { timeout: "5" }), TypeError);
  const asking = client.request("a", "b", { timeout: Infinity });
  asking.catch(() => {});
  await pause(30);
  assert.equal(await Promise.race([asking.catch((error) => error.code), "waits"]), "waits");
});

test("QoS 0 that was given to a socket which closes is not said to be sent", withClient(async ({ client, peer }) => {
  const { socket } = peer;
  const ended = new Promise((resolve) => client.addEventListener("state", resolve));
  socket.close(1000);
  await until(() => socket.readyState > 1);
  const outcomes = [];
  for (let i = 0; i < 200 && client.state === "online"; i++) {
    client.publish("a", "b").then(() => outcomes.push("sent"), ({ code }) => outcomes.push(code));
    await new Promise(setImmediate);
  }
  await ended;
  let arrived = 0;
  for (let one; (one = await peer.next()); ) if (one.type === PUBLISH) arrived++;
  await pause(20);
  assert.ok(outcomes.filter((one) => one === "sent").length <= arrived, `${outcomes} but ${arrived} arrived`);
}));
