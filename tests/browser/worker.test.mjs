// The forms of the option `worker`, in pages of headless Chromium; the other end is a broker that a test speaks for.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { acknowledgement, DISCONNECT, packet, PUBACK, PUBLISH, publish, suback, SUBSCRIBE, UNSUBSCRIBE } from "../web/fake-broker.mjs";
import { connect, converse, form, keepBusy, open, startBroker, subscribe } from "./worker-pages.mjs";

describe("a client lives", () => {
  const places = [
    ["in the Worker beside its file", "/page.html", "true", "sibling"],
    ["in a Worker of its own text, where that file is missing", "/alone.html", '"dedicated"', "blob"],
    ["in a Worker of its own text, bundled and minified", "/bundled.html", "true", "blob"],
    ["on the page, where the page forbids Workers", "/strict.html", "true", "page"],
    ["in a Worker at a URL", "/page.html", '"/dist/worker.mjs"', "given"],
    ["in the application's Worker", "/page.html", 'new Worker("/dist/worker.mjs", { type: "module" })', "given"],
    ["in a SharedWorker", "/page.html", '{ shared: "/dist/worker.mjs" }', "shared"],
    ["in a Worker, where there is no SharedWorker", "/page.html", '(delete globalThis.SharedWorker, { shared: "/dist/worker.mjs" })', "given"],
    ["in a Worker of its own text, where the page may have no locks", "/sandboxed.html", "true", "blob"],
    ["on the page, where nothing else was asked for", "/page.html", "false", false],
  ];
  for (const [where, path, worker, expected] of places) {
    test(where, async (t) => {
      const [opened, broker] = await Promise.all([open(t, path), startBroker(t)]);
      const peer = await connect(opened, broker, worker);
      assert.equal(await form(opened), expected);
      await converse(opened, peer);
    });
  }

  test("in a Worker that is given the module, with tarta/slim", async (t) => {
    const [opened, broker] = await Promise.all([open(t, "/slim.html"), startBroker(t)]);
    const peer = await connect(opened, broker, "true", { wasm: "/dist/core.wasm" });
    await converse(opened, peer);
  });
});

test("what cannot be a Worker is refused, and so is what does not answer as one", async (t) => {
  const opened = await open(t);
  const failure = (options) => opened.evaluate((form) => {
    try {
      return window.tell(window.tarta.connect("ws://127.0.0.1:1/", (0, eval)(`(${form})`)));
    } catch (error) {
      return error.name;
    }
  }, options);
  assert.equal(await failure("{ worker: 5 }"), "TypeError");
  assert.equal(await failure("{ worker: true, WebSocket }"), "TypeError");
  assert.equal(await failure('{ worker: "/missing.mjs" }'), "UNSUPPORTED");
  assert.equal(await failure('(delete globalThis.SharedWorker, { worker: { shared: "/dist/worker.mjs" }, clientId: "one" })'), "UNSUPPORTED");
});

test("mistakes in arguments are told at once, though the core is elsewhere", async (t) => {
  const [opened, broker] = await Promise.all([open(t), startBroker(t)]);
  await connect(opened, broker);
  const names = await opened.evaluate(() => {
    const name = (call) => {
      try {
        call();
      } catch (error) {
        return error.name;
      }
    };
    const { client } = window;
    return [() => client.publish("a/+", ""), () => client.publish("", ""), () => client.subscribe("a/#/b"), () => client.subscribe("$share/x"), () => client.subscribe("$share/x/y", { noLocal: true }), () => client.publish("a", undefined)].map(name);
  });
  assert.deepEqual(names, Array(6).fill("TypeError"));
});

test("packets are told from a Worker, too", async (t) => {
  const [opened, broker] = await Promise.all([open(t), startBroker(t)]);
  const connecting = opened.evaluate(async (url) => {
    window.client = new window.tarta.Client(url, { version: 5, worker: true, clientId: "me", credentials: { password: "canary" } });
    window.packets = [];
    window.client.addEventListener("packet", ({ detail }) => window.packets.push(detail));
    await window.client.connect();
  }, broker.url);
  const peer = await broker.online();
  await connecting;
  await opened.evaluate(() => void window.client.publish("a", "text"));
  await peer.expect(PUBLISH);
  await opened.waitForFunction(() => window.packets.length === 3);
  const told = await opened.evaluate(() => window.packets.map(({ direction, type, clientId, payload, redacted }) => [direction, type, clientId, payload && new TextDecoder().decode(payload), redacted]));
  assert.deepEqual(told.map((one) => one.map((part) => part ?? null)), [
    ["out", "connect", "me", null, ["password"]], ["in", "connack", null, null, []], ["out", "publish", null, "text", []],
  ]);
});

test("a Worker that dies settles everything", async (t) => {
  const [opened, broker] = await Promise.all([open(t), startBroker(t)]);
  const peer = await connect(opened, broker, '(window.worker = new Worker("/dist/worker.mjs", { type: "module" }))');
  await subscribe(opened, peer, "a", { qos: 1 });
  const fates = opened.evaluate(async () => {
    const { client, tell } = window;
    const open = [client.publish("b", "", { qos: 1 }), client.subscribe("c"), (async () => { for await (const _ of client.messages("d")); })(), client.drain()].map(tell);
    await new Promise((resolve) => setTimeout(resolve, 100));
    window.worker.terminate();
    return [...(await Promise.all(open)), await tell(client.publish("b", "")), client.state];
  });
  assert.deepEqual(await fates, [...Array(5).fill("WORKER_LOST"), "closed"]);
});

test("a page that is busy is not handed more than it can take: QoS 0 is dropped and counted, QoS 1 is not", async (t) => {
  const [opened, broker] = await Promise.all([open(t), startBroker(t)]);
  const peer = await connect(opened, broker);
  await subscribe(opened, peer, "#", { qos: 1 });
  const all = 6000;
  await keepBusy(opened, 3000);
  const payload = "x".repeat(1000);
  for (let count = 0; count < all; count++) peer.send(publish("zero", payload));
  for (let id = 1; id <= 1000; id++) peer.send(publish("one", String(id), { qos: 1, id }));
  for (let id = 1; id <= 1000; id++) assert.equal((await peer.expect(PUBACK)).id, id, "in order");
  const { zero, one, dropped } = await opened.evaluate(() => ({
    zero: window.heard.filter((line) => line.startsWith("zero")).length,
    one: window.heard.filter((line) => line.startsWith("one")).map((line) => Number(line.slice(4))),
    dropped: window.client.stats.dropped,
  }));
  assert.deepEqual(one, Array.from({ length: 1000 }, (_, index) => index + 1));
  assert.equal(zero + dropped, all);
  assert.ok(zero >= 1000 && zero <= 3000, `${zero} of ${all} were handed over: about 2 MiB`);
});

test("nothing is acknowledged before its handler has run", async (t) => {
  const [opened, broker] = await Promise.all([open(t), startBroker(t)]);
  const peer = await connect(opened, broker);
  await subscribe(opened, peer, "a", { qos: 1 });
  await keepBusy(opened, 600);
  peer.send(publish("a", "", { qos: 1 }));
  await peer.expectNothing(200);
  await peer.expect(PUBACK);
});

test("messages that are acknowledged by hand wait for the page", async (t) => {
  const [opened, broker] = await Promise.all([open(t), startBroker(t)]);
  const peer = await connect(opened, broker);
  const subscribing = opened.evaluate(async () => {
    window.kept = [];
    await window.client.subscribe("a", { qos: 1, ack: "manual" }, (message) => window.kept.push(message));
  });
  const { id } = await peer.expect(SUBSCRIBE);
  peer.send(suback(id, 1), publish("a", "1", { qos: 1, id: 1 }), publish("a", "2", { qos: 1, id: 2 }));
  await subscribing;
  await opened.waitForFunction(() => window.kept.length === 2);
  await peer.expectNothing(50);
  await opened.evaluate(() => window.kept[1].reject(0x83));
  await peer.expectNothing(50); // acknowledgements leave in order (5.0 §4.6)
  await opened.evaluate(() => window.kept[0].ack());
  const [first, second] = await peer.expectAll(PUBACK, PUBACK);
  assert.deepEqual([first.id, first.reason, second.id, second.reason], [1, 0, 2, 0x83]);
});

test("a message that is cancelled on its way gives its number back", async (t) => {
  const [opened, broker] = await Promise.all([open(t), startBroker(t)]);
  const peer = await connect(opened, broker);
  const told = opened.evaluate(async () => {
    const { client, tell } = window;
    const aborter = new AbortController();
    const cancelled = tell(client.publish("a", "1", { qos: 1, signal: aborter.signal }));
    await new Promise((resolve) => setTimeout(resolve, 50));
    aborter.abort();
    return [await cancelled, await tell(client.publish("a", "2", { qos: 1 })), await tell(client.drain())];
  });
  const first = await peer.expect(PUBLISH);
  const second = await peer.expect(PUBLISH);
  peer.send(acknowledgement(PUBACK, first.id), acknowledgement(PUBACK, second.id));
  assert.deepEqual(await told, ["CANCELLED", "done", "done"]);
});

test("a number that is given back is not settled by what it stood for before", async (t) => {
  const [opened, broker] = await Promise.all([open(t), startBroker(t)]);
  const peer = await connect(opened, broker);
  peer.socket.pause();
  await opened.evaluate(async () => {
    const { client, tell } = window;
    const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));
    for (let count = 0; count < 30; count++) client.publish("a", new Uint8Array(1_000_000)); // more than the socket takes
    await pause(300);
    const aborter = new AbortController();
    const cancelled = tell(client.publish("b", "", { signal: aborter.signal }));
    await pause(50);
    aborter.abort();
    await cancelled;
    await pause(50);
    window.fate = "pending";
    tell(client.publish("c", "", { qos: 1 })).then((fate) => (window.fate = fate));
    await pause(50);
  });
  peer.socket.resume();
  let last;
  do last = await peer.expect(PUBLISH);
  while (last.topic !== "c");
  await peer.expectNothing(300);
  assert.equal(await opened.evaluate(() => window.fate), "pending");
  peer.send(acknowledgement(PUBACK, last.id));
  await opened.waitForFunction(() => window.fate === "done");
});

test("a subscription that is cancelled as it is granted ends at the server too", async (t) => {
  const [opened, broker] = await Promise.all([open(t), startBroker(t)]);
  const peer = await connect(opened, broker);
  const told = opened.evaluate(async () => {
    const aborter = new AbortController();
    const fate = window.tell(window.client.subscribe("a", { signal: aborter.signal }));
    setTimeout(() => {
      for (const end = performance.now() + 500; performance.now() < end; );
      aborter.abort();
    }, 20);
    return fate;
  });
  const { id } = await peer.expect(SUBSCRIBE);
  await peer.expectNothing(150); // the page is busy by now
  peer.send(suback(id, 0));
  assert.equal(await told, "CANCELLED");
  assert.deepEqual((await peer.expect(UNSUBSCRIBE)).filters, [{ filter: "a" }]);
});

test("what is thinned keeps what the server has said to a SUBSCRIBE", async (t) => {
  const [opened, broker] = await Promise.all([open(t), startBroker(t)]);
  const peer = await connect(opened, broker);
  await subscribe(opened, peer, "#");
  const subscribing = opened.evaluate(async () => (await window.client.subscribe("late")).properties);
  const { id } = await peer.expect(SUBSCRIBE);
  await keepBusy(opened, 2000);
  await peer.expectNothing(100);
  const flood = () => {
    for (let count = 0; count < 3000; count++) peer.send(publish("zero", "x".repeat(1000)));
  };
  flood();
  peer.send(packet(0x90, [id >> 8, id & 255], [7, 0x1f, 0, 4], "fine", [0]));
  flood();
  assert.deepEqual(await subscribing, { reasonString: "fine" });
});

test("a Worker of the application keeps its handler of errors", async (t) => {
  const [opened, broker] = await Promise.all([open(t), startBroker(t)]);
  await connect(opened, broker, 'Object.assign(window.worker = new Worker("/dist/worker.mjs", { type: "module" }), { onerror: (window.mine = () => {}) })');
  assert.ok(await opened.evaluate(() => window.worker.onerror === window.mine));
});

test("a connection ends though DISCONNECT may not say what it was to say", async (t) => {
  const [opened, broker] = await Promise.all([open(t), startBroker(t)]);
  const peer = await connect(opened, broker, '"/dist/worker.mjs"');
  const fates = await opened.evaluate(() => Promise.all([window.client.close({ reasonCode: 5 }), window.client.close()].map(window.tell)));
  assert.deepEqual(fates, ["RangeError", "RangeError"]);
  await peer.expect(DISCONNECT);
});

test("a client that is closed while its Worker starts says so once", async (t) => {
  const [opened, broker] = await Promise.all([open(t), startBroker(t)]);
  const told = await opened.evaluate(async (url) => {
    const client = new window.tarta.Client(url, { worker: true });
    const states = [];
    client.addEventListener("state", ({ detail }) => states.push(detail.state));
    const fates = [client.connect(), client.publish("a", ""), client.subscribe("a"), client.drain()].map(window.tell);
    await client.close();
    await new Promise((resolve) => setTimeout(resolve, 500));
    return [...(await Promise.all(fates)), ...states];
  }, broker.url);
  assert.deepEqual(told, [...Array(4).fill("CLIENT_CLOSED"), "closed"]);
});

test("the log is told why a connection was lost", async (t) => {
  const [opened, broker] = await Promise.all([open(t), startBroker(t)]);
  const connecting = opened.evaluate(async (url) => {
    const log = (record) => record.state === "reconnecting" && (window.reason = record.reason);
    await window.tarta.connect(url, { version: 5, reconnect: { min: 60_000, max: 60_000 }, worker: true, log });
  }, broker.url);
  const peer = await broker.online();
  await connecting;
  peer.drop();
  await opened.waitForFunction(() => window.reason);
  assert.equal(await opened.evaluate(() => window.reason.code), "CONNECTION_LOST");
});

test("a message of QoS 0 that the server does not take fails alone", async (t) => {
  const [opened, broker] = await Promise.all([open(t), startBroker(t)]);
  const connecting = opened.evaluate(async (url) => void (window.client = await window.tarta.connect(url, { version: 5, worker: true })), broker.url);
  await broker.online({ properties: [0x27, 0, 0, 0, 100, 0x25, 0] }); // Maximum Packet Size, Retain Available
  await connecting;
  const fates = await opened.evaluate(() => {
    const { client, tell } = window;
    return Promise.all([client.publish("a", "1"), client.publish("a", "x".repeat(100)), client.publish("a", "2", { retain: true }), client.publish("a", "3")].map(tell));
  });
  assert.deepEqual(fates, ["done", "PACKET_TOO_LARGE", "RETAIN_NOT_SUPPORTED", "done"]);
});

test("what waits and is unacknowledged is counted at once, the Worker's and the page's way", async (t) => {
  const [opened, broker] = await Promise.all([open(t), startBroker(t)]);
  const peer = await connect(opened, broker);
  const counted = opened.evaluate(async () => {
    for (const text of ["1", "2", "3"]) window.client.publish("a", text, { qos: 1 }).catch(() => {}); // it ends with the broker
    await new Promise((resolve) => setTimeout(resolve, 100));
    return window.client.stats.pending;
  });
  await peer.expectAll(PUBLISH, PUBLISH, PUBLISH);
  assert.equal(await counted, 3);
});

test("a client whose Worker cannot be started is closed", async (t) => {
  const opened = await open(t);
  const told = await opened.evaluate(async () => {
    const client = new window.tarta.Client("ws://127.0.0.1:1/", { worker: "/missing.mjs" });
    const states = [];
    client.addEventListener("state", ({ detail: { state, reason } }) => states.push([state, reason?.code]));
    const fate = await window.tell(client.connect());
    return [fate, client.state, states, await window.tell(client.publish("a", ""))];
  });
  assert.deepEqual(told, ["UNSUPPORTED", "closed", [["closed", "UNSUPPORTED"]], "UNSUPPORTED"]);
});
