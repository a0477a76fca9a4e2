// Messages for what only a client before this one has subscribed to: how long they wait, and who gets them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, memoryStore } from "tarta";
import { connack, CONNECT, identifier, PUBACK, publish, PUBREC, SUBSCRIBE, suback } from "./fake-broker.mjs";
import { pause, subscribed, TIMEOUT, until, withBroker } from "./kit.mjs";
import { source } from "./source.mjs";

const { Subscriptions } = await source("subscriptions.ts");

/** A store of a client that has subscribed, and is closed. */
async function subscribedBefore(open, ...filters) {
  const store = memoryStore();
  const { client, peer } = await open(store);
  for (const filter of filters) await subscribed(client, peer, filter, { qos: 2 });
  await client.close();
  return store;
}

/** Time goes on quicker than it does, for those who wait. */
function quickly(t) {
  const { setTimeout } = globalThis;
  t.mock.method(globalThis, "setTimeout", (task, ms, ...rest) => setTimeout(task, ms === 3000 ? 10 : ms, ...rest));
}

test("messages for what the client before has subscribed to wait until this one does", TIMEOUT, withBroker(async ({ open }) => {
  const { client, peer } = await open(await subscribedBefore(open, "a"), { sessionPresent: 1 });
  const got = [];
  peer.send(publish("a", "zero"), publish("a", "one", { qos: 1, id: 1 }), publish("a", "two", { qos: 2, id: 2 }));
  await peer.expectNothing();
  const subscribing = client.subscribe("a", { qos: 2 }, (message) => got.push(message.text()));
  assert.equal((await peer.expect(PUBACK)).id, 1);
  const { id } = await peer.expect(SUBSCRIBE);
  assert.equal((await peer.expect(PUBREC)).id, 2); // which had to be stored
  peer.send(suback(id, 2), publish("a", "three", { qos: 1, id: 3 }));
  await subscribing;
  assert.equal((await peer.expect(PUBACK)).id, 3);
  assert.deepEqual(got, ["one", "two", "three"]);
}));

test("… and are acknowledged by hand, or taken by a loop, a batch or a route", TIMEOUT, withBroker(async ({ open }) => {
  for (const take of [
    (client, tell) => client.subscribe("a", { qos: 1, ack: "manual" }, (message) => (tell(message), message.ack())),
    (client, tell) => client.batch("a", { qos: 1 }, (messages) => messages.forEach(tell)),
    (client, tell) => client.route("a", tell),
    async (client, tell) => {
      for await (const message of client.messages("a", { qos: 1 })) tell(message);
    },
  ]) {
    const { client, peer } = await open(await subscribedBefore(open, "a"), { sessionPresent: 1 });
    peer.send(publish("a", "x", { qos: 1, id: 1 }));
    await peer.expectNothing();
    const got = [];
    Promise.resolve(take(client, (message) => got.push(message.text()))).catch(() => {});
    const seen = [];
    for (let packet; got.length === 0 || !seen.includes(PUBACK); seen.push(packet.type)) {
      packet = await peer.next();
      if (packet.type === SUBSCRIBE) peer.send(suback(packet.id, 1));
      await pause(2);
    }
    assert.deepEqual(got, ["x"]);
    await client.close();
  }
}));

test("… each for all that it was meant for", TIMEOUT, withBroker(async ({ open }) => {
  const { client, peer } = await open(await subscribedBefore(open, "a/#", "a/+", "a/b"), { sessionPresent: 1 });
  peer.send(publish("a/b", "x", { qos: 1, id: 1, properties: [0x0b, 1, 0x0b, 2, 0x0b, 3] }));
  await peer.expectNothing();
  const got = [];
  client.subscribe("a/+", { qos: 1 }, () => got.push("one level")).catch(() => {});
  await peer.expect(SUBSCRIBE);
  await peer.expectNothing();
  client.subscribe(["a/#", "a/b"], { qos: 1 }, () => got.push("all")).catch(() => {});
  await peer.expect(PUBACK);
  assert.deepEqual(got, ["one level", "all"], "once for each subscription");
}));

test("… also where the connection is lost meanwhile: each comes once", TIMEOUT, withBroker(async ({ broker, open }) => {
  const { client, peer } = await open(await subscribedBefore(open, "a"), { sessionPresent: 1, reconnect: { min: 1, max: 2 } });
  peer.send(publish("a", "x", { qos: 2, id: 1 }));
  await peer.expectNothing();
  peer.drop();
  const next = await broker.online({ sessionPresent: 1 });
  next.send(publish("a", "x", { qos: 2, id: 1, dup: 1 }));
  await next.expectNothing();
  const got = [];
  client.subscribe("a", { qos: 2 }, (message) => got.push(message.text())).catch(() => {});
  await next.expect(SUBSCRIBE);
  await next.expect(PUBREC);
  assert.deepEqual(got, ["x"]);
}));

test("… and where the server has lost it meanwhile, whenever somebody comes", TIMEOUT, withBroker(async ({ broker, open }) => {
  for (const isLate of [true, false]) {
    const { client, peer } = await open(await subscribedBefore(open, "a", "b"), { sessionPresent: 1, reconnect: { min: 30, max: 30 } });
    const got = [];
    const subscribe = () => client.subscribe("a", { qos: 2 }, (message) => got.push(message.text())).catch(() => {});
    peer.send(publish("a", "x", { qos: 2, id: 1 }), publish("b", "y", { qos: 1, id: 2 }));
    await peer.expectNothing();
    peer.drop();
    await until(() => client.state !== "online");
    if (!isLate) subscribe();
    let next = await broker.online({ sessionPresent: 0 });
    if (isLate) {
      next.drop();
      next = await broker.online({ sessionPresent: 1 });
      subscribe();
    }
    await until(() => got.length > 0);
    next.send(publish("a", "z", { qos: 2, id: 1 }));
    await until(() => got.length > 1);
    assert.deepEqual(got, ["x", "z"]);
    await client.close();
  }
}));

test("… in the order of arrival, whichever of its filters they were for", TIMEOUT, withBroker(async ({ open }) => {
  const { client, peer } = await open(await subscribedBefore(open, "a", "b"), { sessionPresent: 1 });
  for (const [index, topic] of ["b", "a", "b"].entries()) peer.send(publish(topic, `${index}`, { qos: 1, id: index + 1 }));
  await peer.expectNothing();
  const got = [];
  client.subscribe(["a", "b"], { qos: 1 }, (message) => got.push(message.text())).catch(() => {});
  await peer.expectAll(PUBACK, PUBACK, PUBACK, SUBSCRIBE, SUBSCRIBE);
  assert.deepEqual(got, ["0", "1", "2"]);
}));

test("a filter that takes the place of another gets what waits for that, and nobody is missed", TIMEOUT, withBroker(async ({ open, t }) => {
  quickly(t);
  const { client, peer } = await open(await subscribedBefore(open, "site/+"), { sessionPresent: 1 });
  client.addEventListener("error", ({ error }) => assert.fail(error));
  peer.send(publish("site/a", "x", { qos: 1, id: 1, properties: [0x0b, 1] }));
  await pause(5);
  const got = [];
  const take = (message) => got.push([message.text(), message.params.rest]);
  await subscribed(client, peer, "other/#", { qos: 1 }, () => assert.fail("that is not for this one"));
  await subscribed(client, peer, "site/{rest...}", { qos: 1 }, take);
  assert.deepEqual(got, [["x", "a"]]);
  assert.equal((await peer.expect(PUBACK)).id, 1);
  peer.send(publish("site/b", "y", { qos: 1, id: 2, properties: [0x0b, 1] }));
  assert.equal((await peer.expect(PUBACK)).id, 2);
  assert.deepEqual(got, [["x", "a"], ["y", "b"]]);
}));

test("… also what comes with CONNACK, where the state of the connection has it subscribe", TIMEOUT, withBroker(async ({ broker, open, t }) => {
  const client = new Client(broker.url, { version: 5, reconnect: false, store: await subscribedBefore(open, "site/+") });
  t.after(() => client.close());
  const got = [];
  client.addEventListener("state", ({ detail: { state } }) => {
    if (state === "online") client.subscribe(["site/#", "site/a/#"], { qos: 1 }, (message) => got.push(message.text())).catch(() => {});
  });
  client.connect();
  const peer = await broker.accept();
  await peer.expect(CONNECT);
  const [one, two, three] = [1, 2, 3].map((id) => publish("site/a", `${id}`, { qos: 1, id }));
  peer.send(connack({ sessionPresent: 1 }), one, two);
  peer.send(three);
  await until(() => got.length === 3);
  assert.deepEqual(got, ["1", "2", "3"]);
}));

test("who comes first, by a wider filter, takes nothing from who comes later", TIMEOUT, withBroker(async ({ open }) => {
  const { client, peer } = await open(await subscribedBefore(open, "a/#", "a/b"), { sessionPresent: 1 });
  const got = [];
  await subscribed(client, peer, "a/#", { qos: 1 }, () => got.push("all"));
  peer.send(publish("a/b", "x", { qos: 1, id: 1, properties: [0x0b, 1, 0x0b, 2] }));
  await peer.expectNothing();
  assert.deepEqual(got, ["all"]);
  client.subscribe("a/b", { qos: 1 }, () => got.push("one")).catch(() => {});
  await peer.expectAll(PUBACK, SUBSCRIBE);
  assert.deepEqual(got, ["all", "one"]);
}));

test("where the server sends a copy for each filter, each gets its own", TIMEOUT, withBroker(async ({ open }) => {
  const copies = (id) => [1, 2].map((number) => publish("a/b", `${number}`, { qos: 1, id: id + number, properties: identifier(number) }));
  for (const isFirst of [true, false]) {
    const { client, peer } = await open(await subscribedBefore(open, "a/#", "a/b"), { sessionPresent: 1 });
    const got = [];
    if (isFirst) peer.send(...copies(0));
    if (isFirst) await peer.expectNothing();
    client.subscribe("a/#", { qos: 1 }, (message) => got.push(["all", message.text()])).catch(() => {});
    await peer.expectAll(...(isFirst ? [PUBACK] : []), SUBSCRIBE);
    if (!isFirst) peer.send(...copies(0));
    if (!isFirst) await peer.expect(PUBACK);
    await peer.expectNothing();
    client.subscribe("a/b", { qos: 1 }, (message) => got.push(["one", message.text()])).catch(() => {});
    await peer.expectAll(PUBACK, SUBSCRIBE);
    assert.deepEqual(got, [["all", "1"], ["one", "2"]]);
    await client.close();
  }
}));

test("nobody is waited for for ever: what nobody has come for is told", TIMEOUT, withBroker(async ({ open, t }) => {
  quickly(t);
  const { client, peer } = await open(await subscribedBefore(open, "a", "b"), { sessionPresent: 1 });
  const problems = [];
  client.addEventListener("error", ({ error }) => problems.push(error));
  peer.send(publish("a", "x", { qos: 1, id: 1 }), publish("a", "x", { qos: 1, id: 2 }));
  const acknowledged = await peer.expectAll(PUBACK, PUBACK);
  assert.deepEqual(acknowledged.map(({ id }) => id), [1, 2]);
  assert.deepEqual(problems.map(({ code, message }) => [code, /"a", 2 of them/.test(message)]), [["UNCLAIMED", true]]);

  // From then on such messages do not hold up others; those for another filter are waited for as before.
  peer.send(publish("a", "x", { qos: 1, id: 3 }));
  const before = performance.now();
  assert.equal((await peer.expect(PUBACK)).id, 3);
  assert.ok(performance.now() - before < 50);
  await until(() => problems.length === 2);
  assert.match(problems[1].message, /"a", 1 of them/);
  peer.send(publish("b", "x", { qos: 1, id: 4 }));
  await pause(30);
  const got = [];
  client.subscribe("b", { qos: 1 }, (message) => got.push(message.text())).catch(() => {});
  await peer.expectAll(PUBACK, SUBSCRIBE);
  assert.deepEqual([got, client.stats.dropped], [["x"], 3]);
}));

test("a message event, or a route, takes what nobody has subscribed to again", TIMEOUT, withBroker(async ({ open }) => {
  const { client, peer } = await open(await subscribedBefore(open, "a"), { sessionPresent: 1 });
  client.addEventListener("message", () => {});
  peer.send(publish("a", "x", { qos: 1, id: 1 }));
  await peer.expect(PUBACK);
  const routes = { "#": () => {} };
  const { peer: other } = await open(await subscribedBefore(open, "a"), { sessionPresent: 1, routes });
  other.send(publish("a", "x", { qos: 1, id: 1 }));
  await other.expect(PUBACK);
}));

test("a route that has come and gone leaves a filter as it was", TIMEOUT, withBroker(async ({ open }) => {
  const { client, peer } = await open(await subscribedBefore(open, "a"), { sessionPresent: 1 });
  client.route("a", () => {})[Symbol.dispose]();
  const route = client.route("a", () => {});
  peer.send(publish("a", "x", { qos: 1, id: 1 }));
  await peer.expect(PUBACK);
  route[Symbol.dispose]();
  peer.send(publish("a", "y", { qos: 1, id: 2 }));
  await peer.expectNothing();
  const got = [];
  client.subscribe("a", { qos: 1 }, (message) => got.push(message.text())).catch(() => {});
  await peer.expectAll(PUBACK, SUBSCRIBE);
  assert.deepEqual(got, ["y"]);
}));

test("what a page of a Worker has got is not acknowledged before it has handled that, though nobody is waited for any more", TIMEOUT, async (t) => {
  quickly(t);
  const acknowledged = [];
  const handled = [];
  const engine = { halted: false, put: () => 0, command: () => 0, acknowledge: (serial) => acknowledged.push(serial) };
  const subscriptions = Object.assign(new Subscriptions(undefined, assert.fail), { engine, whenHandled: (act) => handled.push(act) });
  subscriptions.restore(0, "a/b", 1);
  const got = [];
  const topic = { name: "a/b", matches: [] };
  subscriptions.matched(topic, Uint32Array.of(0), 0, 1);
  const flags = 16 | (1 << 1); // it is to be acknowledged; QoS 1
  subscriptions.message(topic, flags, new ArrayBuffer(1), 0, 1, 0, 0, 7);
  subscriptions.route([{ pattern: { filter: "a/#", names: [] }, options: 0 }], (message) => got.push(message.topic));
  assert.deepEqual([got, acknowledged, handled.length], [["a/b"], [], 0]);
  await until(() => handled.length === 1);
  assert.deepEqual(acknowledged, []);
  handled[0]();
  assert.deepEqual(acknowledged, [7]);
});

test("a mistake in what is subscribed to beside it, or a route that ends, takes nothing from who comes later", TIMEOUT, withBroker(async ({ open }) => {
  for (const take of [
    (client) => assert.throws(() => client.subscribe(["a", "b/#/c"], { qos: 1 }), TypeError),
    (client) => client.route("a", () => assert.fail("it has ended"))[Symbol.dispose](),
  ]) {
    const { client, peer } = await open(await subscribedBefore(open, "a"), { sessionPresent: 1 });
    take(client);
    peer.send(publish("a", "x", { qos: 1, id: 1 }));
    await peer.expectNothing();
    const got = [];
    client.subscribe("a", { qos: 1 }, (message) => got.push(message.text())).catch(() => {});
    await peer.expectAll(PUBACK, SUBSCRIBE);
    assert.deepEqual(got, ["x"]);
  }
}));
