// The second part of the list of cases: lines that break, brokers that refuse, servers that are none.
// Whatever happens, a promise settles in time, with an MqttError that tells what it was.

import { equal, Inbox, ok, within } from "./kit.mjs";

const reconnect = { min: 50, max: 500, factor: 2, initial: false };

const brokenLines = [
  {
    name: "after a cut line the client is back and subscribed",
    async run(kit) {
      const line = kit.line();
      const inbox = new Inbox();
      const client = await kit.connect({ reconnect, WebSocket: line.WebSocket });
      await client.subscribe(kit.topic("news"), { qos: 1 }, inbox.take);
      await client.publish(kit.topic("news"), "before", { qos: 1 });
      await inbox.next();
      // Without its PUBACK it would come again (5.0 §4.3.2). That has left before this has its own.
      await client.publish(kit.topic("other"), "", { qos: 1 });
      line.cut();
      await client.publish(kit.topic("news"), "after", { qos: 1 });
      equal((await inbox.next()).text, "after", "message");
      equal(client.state, "online", "state");
    },
  },
  {
    name: "what came while the line was down is delivered when the session resumes",
    async run(kit) {
      const line = kit.line();
      const inbox = new Inbox();
      const clientId = `resumes${kit.platform}${kit.version}`;
      const receiver = await kit.connect({ clientId, clean: false, reconnect: { ...reconnect, min: 400 }, WebSocket: line.WebSocket });
      await receiver.subscribe(kit.topic("post"), { qos: 1 }, inbox.take);
      const sender = await kit.connect();

      const down = new Promise((resolve) => {
        receiver.addEventListener("state", () => receiver.state !== "online" && resolve());
      });
      line.cut();
      await down;
      for (const text of ["one", "two", "three"]) await sender.publish(kit.topic("post"), text, { qos: 1 });
      await inbox.reach(3);
      equal(inbox.texts, ["one", "two", "three"], "messages");
    },
  },
  {
    name: "a subscription from before the connection",
    async run(kit) {
      await kit.connect(); // the first client of a page waits for the core to be loaded, later ones find it there
      const client = kit.create();
      const inbox = new Inbox();
      const subscribing = client.subscribe(kit.topic("early"), { qos: 1 }, inbox.take);
      await client.connect();
      await within(5_000, subscribing, "subscribe()");
      await client.publish(kit.topic("early"), "heard", { qos: 1 });
      equal((await inbox.next()).text, "heard", "message");
    },
  },
  {
    name: "a message from before the connection",
    async run(kit) {
      const inbox = new Inbox();
      const receiver = await kit.connect();
      await receiver.subscribe(kit.topic("early"), { qos: 1 }, inbox.take);
      const sender = kit.create();
      const publishing = sender.publish(kit.topic("early"), "queued", { qos: 1 });
      await sender.connect();
      await within(5_000, publishing, "publish()");
      equal((await inbox.next()).text, "queued", "message");
    },
  },
  {
    // Statements: 5.0 MQTT-3.1.4-3; 3.1.1 MQTT-3.1.4-2
    name: "a second client with the same id ends the first",
    async run(kit) {
      const clientId = `same${kit.platform}${kit.version}`;
      const first = await kit.connect({ clientId });
      const ended = new Promise((resolve) => {
        first.addEventListener("state", () => first.state === "closed" && resolve());
      });
      const second = await kit.connect({ clientId });
      await within(5_000, ended, "end of the first");
      // Not every broker tells the first why, even where 5.0 has a reason code for it.
      await kit.failsWith(first.publish(kit.topic("x"), "too late", { qos: 1 }), { code: ["SERVER_DISCONNECTED", "CONNECTION_LOST"] });
      ok((await second.publish(kit.topic("x"), "in time", { qos: 1 })).reasonCode < 0x80, "the second can publish");
    },
  },
  {
    name: "close() settles what was waiting",
    alone: true,
    versions: ["auto"],
    async run(kit) {
      const client = kit.create({ reconnect: { ...reconnect, initial: true } }, kit.faults.closedPort);
      const waiting = [client.connect(), client.publish(kit.topic("x"), "never sent", { qos: 1 }), client.subscribe(kit.topic("x"))];
      const failures = Promise.all(waiting.map((promise) => kit.failsWith(promise, { code: "CLIENT_CLOSED" })));
      failures.catch(() => {}); // looked at below
      await new Promise((resolve) => setTimeout(resolve, 100));
      await client.close();
      await failures;
      equal(client.state, "closed", "state");
    },
  },
];

const refusals = [
  {
    name: "a client without a name is refused",
    guarded: true,
    async run(kit) {
      await kit.failsWith(kit.connect({}, kit.broker.guarded.url), {
        code: "CONNACK_REFUSED",
        reasonCode: 0x87,
        says: /not authori[sz]ed/i,
      });
    },
  },
  {
    name: "a wrong password is refused",
    guarded: true,
    async run(kit) {
      const { url, username } = kit.broker.guarded;
      const error = await kit.failsWith(kit.connect({ credentials: { username, password: "a guess" } }, url), { code: "CONNACK_REFUSED" });
      ok([0x86, 0x87].includes(error.reasonCode), "reason code is 0x86 or 0x87");
      ok(!error.message.includes("a guess"), "the message does not tell the password");
    },
  },
  {
    name: "the right password is let in, from a function too",
    guarded: true,
    async run(kit) {
      const { url, username, password } = kit.broker.guarded;
      const client = await kit.connect({ credentials: async () => ({ username, password }) }, url);
      equal(client.state, "online", "state");
    },
  },
  {
    // Statements: 3.1.1 MQTT-3.3.5-2
    name: "a topic that the user may not write to",
    guarded: true,
    async run(kit) {
      const { url, username, password } = kit.broker.guarded;
      const client = await kit.connect({ credentials: { username, password } }, url);
      const publishing = client.publish("closed/to/this/user", "hello", { qos: 1 });
      if (kit.version === 5) await kit.failsWith(publishing, { code: "PUBLISH_REFUSED", reasonCode: 0x87 });
      else await publishing; // 3.1.1 has no word for it: the server acknowledges and drops.
    },
  },
];

// A page is not told why a WebSocket could not be opened, not even the HTTP status: there all that fails before the
// WebSocket is open is NETWORK_ERROR. Node's `ws` tells more, and so does the error: `inNode` is what to expect there.
const servers = [
  { name: "a port that nothing listens on", at: "closedPort", code: "NETWORK_ERROR", inNode: { says: /refused/i } },
  { name: "an HTTP server that answers 404", at: "notFound", code: "NETWORK_ERROR", inNode: { code: "NOT_MQTT", says: /404/ } },
  { name: "an HTTP server that answers 200", at: "ok", code: "NETWORK_ERROR", inNode: { code: "NOT_MQTT", says: /200/ } },
  {
    name: "a WebSocket server that knows no subprotocol",
    at: "noProtocol",
    code: "NETWORK_ERROR",
    inNode: { code: "NOT_MQTT", says: /subprotocol/i },
  },
  { name: "a WebSocket server that sends text", at: "text", code: "NOT_MQTT", says: /text/i },
  { name: "a WebSocket server that answers in another protocol", at: "httpInBinary", code: ["NOT_MQTT", "MALFORMED_PACKET"] },
  { name: "a WebSocket server that closes at once", at: "close", code: "CONNECTION_LOST", says: /1000/ },
  { name: "a WebSocket server that drops the line at CONNECT", at: "drop", code: "CONNECTION_LOST", says: /1006/ },
  { name: "a WebSocket server that stays silent", at: "silent", code: "CONNECT_TIMEOUT", connectTimeout: 400 },
].map(({ name, at, connectTimeout, inNode, ...expected }) => ({
  name,
  alone: true,
  versions: ["auto", 5, 4],
  async run(kit) {
    const client = kit.create({ connectTimeout }, kit.faults[at]);
    await kit.failsWith(client.connect(), kit.platform === "node" ? { ...expected, ...inNode } : expected);
    equal(client.state, "closed", "state");
  },
}));

const aborts = [
  {
    name: "a signal ends the wait for a silent server",
    alone: true,
    versions: ["auto"],
    within: 5_000,
    async run(kit) {
      const controller = new AbortController();
      const connecting = kit.connect({ signal: controller.signal }, kit.faults.silent);
      setTimeout(() => controller.abort(), 100);
      await kit.failsWith(connecting, { code: "CANCELLED" });
    },
  },
  {
    name: "the second address serves when the first does not",
    async run(kit) {
      const client = await kit.connect({}, [kit.faults.closedPort, kit.broker.url]);
      equal(client.state, "online", "state");
    },
  },
];

export const troubleCases = [...brokenLines, ...refusals, ...servers, ...aborts];
