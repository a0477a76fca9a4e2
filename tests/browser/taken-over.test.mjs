// Two tabs with one client identifier: the newer one has it, and the older one does not fight for it, whatever the server says.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CONNECT, hex } from "../web/fake-broker.mjs";
import { open, startBroker } from "./worker-pages.mjs";

/** Connects a client of 3.1.1, whose servers can't tell that another has taken over; its states are in `window.states`. */
async function begin(opened, broker, worker, clientId = "one and the same") {
  const connecting = opened.evaluate(async ([url, where, id]) => {
    window.states = [];
    window.client = new window.tarta.Client(url, { version: 4, clientId: id, worker: where, reconnect: { min: 1, max: 10 } });
    window.client.addEventListener("state", ({ detail: { state, reason } }) => window.states.push([state, reason?.reasonCode]));
    await window.client.connect();
  }, [broker.url, worker, clientId]);
  const peer = await broker.accept();
  await peer.expect(CONNECT);
  peer.send(hex("20 02 00 00"));
  await connecting;
  return peer;
}

for (const [name, worker] of [["on the page", false], ["in a Worker", true]]) {
  test(`a tab whose identifier another has taken is closed, ${name}`, { timeout: 20_000 }, async (t) => {
    const [opened, broker] = await Promise.all([open(t), startBroker(t)]);
    const other = await open(t, "/page.html", opened.context());
    const first = await begin(opened, broker, worker);
    await begin(other, broker, worker);
    first.drop(); // as a server does with the older connection
    await opened.waitForFunction(() => window.client.state === "closed");
    assert.deepEqual(await opened.evaluate(() => window.states.at(-1)), ["closed", 0x8e]);
    assert.equal(await other.evaluate(() => window.client.state), "online");
  });
}

test("a tab with another identifier connects again", { timeout: 20_000 }, async (t) => {
  const [opened, broker] = await Promise.all([open(t), startBroker(t)]);
  const other = await open(t, "/page.html", opened.context());
  const first = await begin(opened, broker, false);
  await begin(other, broker, false, "another");
  first.drop();
  await (await broker.accept()).expect(CONNECT);
});

test("what was closed may be opened again with the same identifier", { timeout: 20_000 }, async (t) => {
  const [opened, broker] = await Promise.all([open(t), startBroker(t)]);
  await begin(opened, broker, false);
  await opened.evaluate(() => window.client.close());
  const peer = await begin(opened, broker, false);
  peer.drop();
  await (await broker.accept()).expect(CONNECT);
});
