// A connection that tabs share, in pages of headless Chromium; the other end is a broker that a test speaks for.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DISCONNECT, PUBACK, publish, suback, SUBSCRIBE, unsuback, UNSUBSCRIBE } from "../web/fake-broker.mjs";
import { connect, converse, heard, keepBusy, open, startBroker, subscribe } from "./worker-pages.mjs";

describe("a connection that tabs share", () => {
  const SHARED = '{ shared: "/dist/worker.mjs" }';

  test("is one; each tab gets what it has asked for, and a filter lives until its last tab has gone", async (t) => {
    const broker = await startBroker(t);
    const one = await open(t);
    const peer = await connect(one, broker, SHARED);
    const two = await open(t, "/page.html", one.context());
    await connect(two, broker, SHARED);
    assert.equal(await one.evaluate(() => window.client.clientId), await two.evaluate(() => window.client.clientId));

    await subscribe(one, peer, "both");
    await subscribe(two, peer, "both");
    await subscribe(one, peer, "one");
    await subscribe(two, peer, "two");
    peer.send(publish("both", "1"), publish("one", "2"), publish("two", "3"));
    assert.deepEqual(await heard(one, 2), ["both 1", "one 2"]);
    assert.deepEqual(await heard(two, 2), ["both 1", "two 3"]);

    // A tab that closes gives up what it alone has asked for.
    await two.close();
    const { id, filters } = await peer.expect(UNSUBSCRIBE);
    assert.deepEqual(filters, [{ filter: "two" }]);
    peer.send(unsuback(id, 0), publish("both", "4"));
    assert.equal((await heard(one, 3)).at(-1), "both 4");

    const closing = one.evaluate(() => window.client.close());
    await peer.expect(DISCONNECT);
    await closing;
  });

  test("does without a tab that goes, where there are no locks to tell of it", async (t) => {
    const broker = await startBroker(t);
    const one = await open(t, "/page.html", undefined, "insecure.test");
    assert.equal(await one.evaluate(() => navigator.locks), undefined);
    const peer = await connect(one, broker, SHARED);
    const two = await open(t, "/page.html", one.context(), "insecure.test");
    await connect(two, broker, SHARED);
    await subscribe(one, peer, "a", { qos: 1 });
    await subscribe(two, peer, "b", { qos: 1 });
    await two.evaluate(() => location.reload());
    const { id, filters } = await peer.expect(UNSUBSCRIBE);
    assert.deepEqual(filters, [{ filter: "b" }]);
    peer.send(unsuback(id, 0), publish("a", "1", { qos: 1, id: 5 }));
    assert.deepEqual(await heard(one, 1), ["a 1"]);
    assert.equal((await peer.expect(PUBACK)).id, 5);
  });

  test("outlives the tab that has begun it, and acknowledges what all tabs have handled", async (t) => {
    const broker = await startBroker(t);
    const one = await open(t);
    const peer = await connect(one, broker, SHARED, {});
    const two = await open(t, "/page.html", one.context());
    await connect(two, broker, SHARED);
    await subscribe(one, peer, "a", { qos: 1 });
    await subscribe(two, peer, "a", { qos: 1 });

    await keepBusy(two, 1000);
    peer.send(publish("a", "x", { qos: 1, id: 9 }));
    assert.deepEqual(await heard(one, 1), ["a x"]);
    await peer.expectNothing(100);
    assert.equal((await peer.expect(PUBACK)).id, 9);

    await one.close();
    peer.send(publish("a", "y", { qos: 1, id: 10 }));
    assert.equal((await heard(two, 2)).at(-1), "a y");
    assert.equal((await peer.expect(PUBACK)).id, 10);
  });

  test("is refused to a tab with other options", async (t) => {
    const broker = await startBroker(t);
    const one = await open(t);
    await connect(one, broker, SHARED);
    const two = await open(t, "/page.html", one.context());
    const fate = (options) => two.evaluate(
      ([url, others]) => window.tell(window.tarta.connect(url, { version: 5, reconnect: false, worker: { shared: "/dist/worker.mjs" }, ...others })),
      [broker.url, options],
    );
    assert.equal(await fate({ keepalive: 17 }), "OPTIONS_CONFLICT");
    assert.equal(await fate({ credentials: { username: "else" } }), "OPTIONS_CONFLICT");
    assert.equal(await fate({}), "done");
  });

  test("is refused to a tab with another password, and not to one that writes the same in another way", async (t) => {
    const broker = await startBroker(t);
    const one = await open(t);
    const begin = (options) => one.evaluate(async ([url, text]) => {
      window.view = (text) => new DataView(new TextEncoder().encode(text).buffer);
      return window.tell(window.tarta.connect(url, { worker: { shared: "/dist/worker.mjs" }, ...(0, eval)(`(${text})`) }));
    }, [broker.url, options]);
    const first = begin('{ version: 5, keepalive: 30, credentials: { username: "u", password: view("secret"), more() {} } }');
    await broker.online();
    assert.equal(await first, "done");
    assert.equal(await begin('{ keepalive: 30, version: 5, credentials: { password: view("secret"), username: "u" } }'), "done");
    assert.equal(await begin('{ version: 5, keepalive: 30, credentials: { username: "u", password: view("other!") } }'), "OPTIONS_CONFLICT");
  });

  test("begins anew when it has ended", async (t) => {
    const broker = await startBroker(t);
    const one = await open(t);
    const first = await connect(one, broker, SHARED);
    const closing = one.evaluate(() => window.client.close());
    await first.expect(DISCONNECT);
    await closing;
    const second = await connect(one, broker, SHARED, { keepalive: 17 });
    await converse(one, second);
  });

  test("asks the newest tab that lives for what a page alone can tell", async (t) => {
    const broker = await startBroker(t);
    const tab = async (name, context) => {
      const opened = await open(t, "/page.html", context);
      await opened.evaluate((username) => {
        window.begin = (url) => {
          const options = { version: 5, reconnect: { min: 1, max: 1 }, worker: { shared: "/dist/worker.mjs" }, credentials: () => ({ username }) };
          return window.tarta.connect(url, options).then((client) => void (window.client = client));
        };
      }, name);
      return opened;
    };
    const said = (peer) => peer.connect.body.toString("latin1").match(/(first|second)/)?.[0];
    const one = await tab("first");
    const beginning = one.evaluate((url) => window.begin(url), broker.url);
    const first = await broker.online();
    await beginning;
    assert.equal(said(first), "first");
    const two = await tab("second", one.context());
    await two.evaluate((url) => window.begin(url), broker.url);
    first.drop();
    const second = await broker.online();
    assert.equal(said(second), "second");
    await two.close();
    await new Promise((resolve) => setTimeout(resolve, 100));
    second.drop();
    assert.equal(said(await broker.online()), "first");
  });

  test("forgets what a tab was subscribing to as it closed, and waits for no acknowledgement of its", async (t) => {
    const broker = await startBroker(t);
    const one = await open(t);
    const peer = await connect(one, broker, SHARED);
    const two = await open(t, "/page.html", one.context());
    await connect(two, broker, SHARED);
    await subscribe(one, peer, "both", { qos: 1 });
    await two.evaluate(() => {
      for (const filter of ["both", "two"]) window.client.subscribe(filter, { qos: 1, ack: "manual" }, () => {}).catch(() => {});
    });
    const [both, alone] = await peer.expectAll(SUBSCRIBE, SUBSCRIBE);
    await two.close();
    const { id, filters } = await peer.expect(UNSUBSCRIBE);
    assert.deepEqual(filters, [{ filter: "two" }]);
    peer.send(suback(both.id, 1), suback(alone.id, 1), unsuback(id, 0), publish("both", "x", { qos: 1, id: 9 }));
    assert.deepEqual(await heard(one, 1), ["both x"]);
    assert.equal((await peer.expect(PUBACK)).id, 9);
  });

  test("asks no tab that is still joining", async (t) => {
    const broker = await startBroker(t);
    const begin = (opened) => opened.evaluate(async (url) => {
      const options = { version: 5, reconnect: { min: 1500, max: 1500 }, worker: { shared: "/dist/worker.mjs" }, credentials: () => ({}) };
      window.client = await window.tarta.connect(url, options);
    }, broker.url);
    const one = await open(t);
    const beginning = begin(one);
    const first = await broker.online();
    await beginning;
    const two = await open(t, "/page.html", one.context());
    await two.evaluate(() => {
      const { locks } = navigator;
      const request = locks.request.bind(locks);
      locks.request = (name, act) => {
        // What the Worker is to hold comes late.
        if (name.endsWith(":page")) request(name.replace(/page$/, "worker"), () => new Promise((resolve) => setTimeout(resolve, 2000)));
        return request(name, act);
      };
    });
    first.drop();
    await one.waitForFunction(() => window.client.state === "reconnecting");
    const joining = begin(two);
    await broker.online();
    await joining;
  });

  test("is joined and left without a trace", async (t) => {
    const broker = await startBroker(t);
    const one = await open(t);
    await connect(one, broker, SHARED);
    const locks = () => one.evaluate(async () => {
      const { held, pending } = await navigator.locks.query();
      return [held.length, pending.length];
    });
    assert.deepEqual(await locks(), [2, 2]);
    for (let count = 0; count < 3; count++) {
      await one.evaluate(async (url) => {
        const client = await window.tarta.connect(url, { version: 5, reconnect: false, worker: { shared: "/dist/worker.mjs" } });
        await client.close();
      }, broker.url);
    }
    await one.waitForFunction(async () => (await navigator.locks.query()).held.length === 2);
    assert.deepEqual(await locks(), [2, 2]);
  });

  test("is not acknowledged by hand in one tab before the handlers of another have run", async (t) => {
    const broker = await startBroker(t);
    const one = await open(t);
    const peer = await connect(one, broker, SHARED);
    const two = await open(t, "/page.html", one.context());
    await connect(two, broker, SHARED);
    const subscribing = one.evaluate(async () => {
      await window.client.subscribe("a", { qos: 1, ack: "manual" }, (message) => message.reject(0x83));
    });
    const { id } = await peer.expect(SUBSCRIBE);
    peer.send(suback(id, 1));
    await subscribing;
    await subscribe(two, peer, "a", { qos: 1 });
    await keepBusy(two, 800);
    peer.send(publish("a", "x", { qos: 1, id: 9 }));
    await peer.expectNothing(200);
    assert.equal((await peer.expect(PUBACK)).reason, 0x83);
    assert.deepEqual(await heard(two, 1), ["a x"]);
  });
});
