// What must work with every broker, written against the public API alone. The same list runs in Node and in a page:
// node.test.mjs and ../browser/chromium.test.mjs. A case runs once for each of its protocol versions (those that the broker speaks).
//
//   { name, versions?: [5, 4], within?: 10_000 ms, run(kit),
//     guarded?: needs a broker with users and rights, bulky?: needs one that is not slow, alone?: needs no broker }

import { equal, Inbox, ok, within } from "./kit.mjs";
import { protocolCases } from "./protocol.mjs";
import { troubleCases } from "./trouble.mjs";

const QOS = [0, 1, 2];

const delivery = [
  ...QOS.map((qos) => ({
    // Statements: 3.1.1 MQTT-7.0.0-2
    name: `QoS ${qos} from one client to another`,
    async run(kit) {
      const [sender, receiver] = await Promise.all([kit.connect(), kit.connect()]);
      const inbox = new Inbox();
      const subscription = await receiver.subscribe(kit.topic("to"), { qos }, inbox.take);
      equal([...subscription.granted], [qos], "granted");

      const { reasonCode } = await sender.publish(kit.topic("to"), "hello", { qos });
      equal(reasonCode, 0, "reason code");
      const message = await inbox.next();
      equal([message.topic, message.text, message.qos, message.retain], [kit.topic("to"), "hello", qos, false], "message");
    },
  })),

  {
    // Statements: 5.0 MQTT-3.8.4-8; 3.1.1 MQTT-3.8.4-6
    name: "the lower of two QoS is what arrives",
    async run(kit) {
      const client = await kit.connect();
      const inbox = new Inbox();
      await client.subscribe(kit.topic("zero"), { qos: 0 }, inbox.take);
      await client.subscribe(kit.topic("two"), { qos: 2 }, inbox.take);
      await client.publish(kit.topic("zero"), "published at 2", { qos: 2 });
      equal((await inbox.next()).qos, 0, "QoS of what was published at 2 and subscribed to at 0");
      await client.publish(kit.topic("two"), "published at 1", { qos: 1 });
      equal((await inbox.next()).qos, 1, "QoS of what was published at 1 and subscribed to at 2");
    },
  },

  ...QOS.map((qos) => ({
    // Statements: 5.0 MQTT-4.6.0-5
    name: `1,000 messages in order at QoS ${qos}`,
    within: 20_000,
    async run(kit) {
      const [sender, receiver] = await Promise.all([kit.connect(), kit.connect()]);
      const inbox = new Inbox();
      await receiver.subscribe(kit.topic("numbers"), { qos }, inbox.take);
      const numbers = Array.from({ length: 1000 }, (_, index) => String(index));
      await Promise.all(numbers.map((number) => sender.publish(kit.topic("numbers"), number, { qos })));
      await inbox.reach(numbers.length);
      equal(inbox.texts.join(" "), numbers.join(" "), "order");
    },
  })),

  ...[
    { size: 100_000, said: "100 KB", bulky: false },
    { size: 1_000_000, said: "1 MB", bulky: true },
  ].flatMap(({ size, said, bulky }) =>
    QOS.map((qos) => ({
      name: `a payload of ${said} at QoS ${qos}`,
      bulky,
      async run(kit) {
        const [sender, receiver] = await Promise.all([kit.connect(), kit.connect()]);
        const inbox = new Inbox();
        await receiver.subscribe(kit.topic("large"), { qos }, inbox.take);
        const payload = Uint8Array.from({ length: size }, (_, index) => (index * 31 + (index >> 8)) & 255);
        await sender.publish(kit.topic("large"), payload, { qos });
        await sender.publish(kit.topic("large"), "and a small one behind it", { qos });

        const [large, small] = await inbox.reach(2);
        equal(large.payload.length, payload.length, "length");
        equal(large.payload.findIndex((byte, index) => byte !== payload[index]), -1, "first byte that differs");
        equal(small.text, "and a small one behind it", "the message behind it");
      },
    })),
  ),

  {
    name: "an empty payload",
    async run(kit) {
      const client = await kit.connect();
      const inbox = new Inbox();
      await client.subscribe(kit.topic("empty"), { qos: 1 }, inbox.take);
      await client.publish(kit.topic("empty"), "", { qos: 1 });
      await client.publish(kit.topic("empty"), new Uint8Array(0), { qos: 1 });
      const messages = await inbox.reach(2);
      equal(messages.map(({ text, payload }) => [text, payload.length]), [["", 0], ["", 0]], "payloads");
    },
  },

  {
    name: "topics and payloads beyond ASCII",
    async run(kit) {
      const client = await kit.connect();
      const inbox = new Inbox();
      const topic = kit.topic("smörgås/温度/дом/🍰");
      await client.subscribe(kit.topic("smörgås/+/дом/#"), { qos: 1 }, inbox.take);
      await client.publish(topic, "22,5 °C ☀️ – 「暑い」", { qos: 1 });
      const message = await inbox.next();
      equal([message.topic, message.text], [topic, "22,5 °C ☀️ – 「暑い」"], "message");
    },
  },

  {
    name: "every byte value, from an ArrayBuffer and from a view into one",
    async run(kit) {
      const client = await kit.connect();
      const inbox = new Inbox();
      await client.subscribe(kit.topic("bytes"), { qos: 1 }, inbox.take);
      const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
      await client.publish(kit.topic("bytes"), bytes.buffer, { qos: 1 });
      await client.publish(kit.topic("bytes"), new DataView(bytes.buffer, 16, 4), { qos: 1 });
      const [all, some] = await inbox.reach(2);
      equal([...all.payload], [...bytes], "the buffer");
      equal([...some.payload], [16, 17, 18, 19], "the view");
    },
  },
];

const retained = [
  {
    // Statements: 3.1.1 MQTT-3.3.1-8, MQTT-3.3.1-9
    name: "a retained message waits for subscribers until it is deleted",
    async run(kit) {
      const client = await kit.connect();
      await client.publish(kit.topic("state"), "on", { qos: 1, retain: true });

      const early = new Inbox();
      const first = await client.subscribe(kit.topic("state"), { qos: 1 }, early.take);
      let message = await early.next();
      if (!message.retain) message = await early.next(); // aedes may still be handing the publication itself around
      equal([message.text, message.retain], ["on", true], "what a new subscriber gets");
      await first.unsubscribe();

      await client.publish(kit.topic("state"), "", { qos: 1, retain: true });
      const late = new Inbox();
      await client.subscribe(kit.topic("state"), { qos: 1 }, late.take);
      await client.publish(kit.topic("state"), "off", { qos: 1 });
      const next = await late.next();
      equal([next.text, next.retain], ["off", false], "what a subscriber gets after the deletion");
    },
  },
];

const wills = [
  {
    name: "the will of a client whose line is cut",
    async run(kit) {
      const inbox = new Inbox();
      const watcher = await kit.connect();
      await watcher.subscribe(kit.topic("status"), { qos: 1 }, inbox.take);

      const line = kit.line();
      await kit.connect({ WebSocket: line.WebSocket, will: { topic: kit.topic("status"), payload: "lost", qos: 1, retain: true } });
      line.cut();
      equal((await inbox.next()).text, "lost", "will");

      const after = new Inbox();
      await watcher.subscribe(kit.topic("status"), { qos: 1 }, after.take);
      equal((await after.next()).retain, true, "the will was retained");
      await watcher.publish(kit.topic("status"), "", { qos: 1, retain: true });
    },
  },
  {
    name: "no will from a client that says goodbye",
    async run(kit) {
      const inbox = new Inbox();
      const watcher = await kit.connect();
      await watcher.subscribe(kit.topic("status"), { qos: 1 }, inbox.take);
      const client = await kit.connect({ will: { topic: kit.topic("status"), payload: "lost", qos: 1 } });
      await client.close();
      await watcher.publish(kit.topic("status"), "nothing came before this", { qos: 1 });
      equal((await inbox.next()).text, "nothing came before this", "first message");
    },
  },
];

const subscriptions = [
  {
    name: "for await over client.messages()",
    async run(kit) {
      const client = await kit.connect();
      const messages = client.messages(kit.topic("loop/#"), { qos: 1 })[Symbol.asyncIterator]();
      const first = messages.next();
      for (const text of ["one", "two", "three"]) await client.publish(kit.topic("loop/a"), text, { qos: 1 });
      const got = [(await first).value.text()];
      for await (const message of { [Symbol.asyncIterator]: () => messages }) {
        got.push(message.text());
        if (got.length === 3) break;
      }
      equal(got, ["one", "two", "three"], "messages");
    },
  },
  {
    name: "for await over a subscription, which its end ends",
    async run(kit) {
      const client = await kit.connect();
      const subscription = await client.subscribe(kit.topic("loop"), { qos: 1 });
      const got = [];
      const loop = (async () => {
        for await (const message of subscription) {
          got.push(message.text());
          if (got.length === 2) await subscription.unsubscribe();
        }
      })();
      for (const text of ["one", "two"]) await client.publish(kit.topic("loop"), text, { qos: 1 });
      await within(5_000, loop, "end of the loop");
      equal(got, ["one", "two"], "messages");
    },
  },
  {
    name: "unsubscribe ends the delivery",
    async run(kit) {
      const client = await kit.connect();
      const [kept, ended] = [new Inbox(), new Inbox()];
      await client.subscribe(kit.topic("kept"), { qos: 1 }, kept.take);
      const subscription = await client.subscribe(kit.topic("ended"), { qos: 1 }, ended.take);
      await client.publish(kit.topic("ended"), "before", { qos: 1 });
      await ended.reach(1);
      await subscription.unsubscribe();
      await client.publish(kit.topic("ended"), "after", { qos: 1 });
      await client.publish(kit.topic("kept"), "marker", { qos: 1 });
      await kept.reach(1);
      equal(ended.texts, ["before"], "messages");
    },
  },
  {
    name: "two filters that overlap: each handler hears once",
    async run(kit) {
      const client = await kit.connect();
      const [wide, narrow] = [new Inbox(), new Inbox()];
      await client.subscribe(kit.topic("house/#"), { qos: 1 }, wide.take);
      await client.subscribe(kit.topic("house/+/temperature"), { qos: 1 }, narrow.take);
      await client.publish(kit.topic("house/kitchen/temperature"), "21.5", { qos: 1 });
      await client.publish(kit.topic("house/kitchen/door"), "open", { qos: 1 });
      await wide.reach(2);
      equal(wide.texts, ["21.5", "open"], "what the wide filter heard");
      equal(narrow.texts, ["21.5"], "what the narrow filter heard");
    },
  },
  {
    name: "two users of one filter: the subscription lives until the last has gone",
    async run(kit) {
      const client = await kit.connect();
      const [first, second] = [new Inbox(), new Inbox()];
      const one = await client.subscribe(kit.topic("shared"), { qos: 1 }, first.take);
      await client.subscribe(kit.topic("shared"), { qos: 1 }, second.take);
      await client.publish(kit.topic("shared"), "both", { qos: 1 });
      await Promise.all([first.reach(1), second.reach(1)]);
      await one.unsubscribe();
      await client.publish(kit.topic("shared"), "second alone", { qos: 1 });
      await second.reach(2);
      equal([first.texts, second.texts], [["both"], ["both", "second alone"]], "what each heard");
    },
  },
  {
    name: "several filters in one call, and names for what wildcards match",
    async run(kit) {
      const client = await kit.connect();
      const inbox = new Inbox();
      const filters = [
        { filter: kit.topic("{room}/temperature"), qos: 1 },
        { filter: kit.topic("files/{path...}"), qos: 2 },
      ];
      const subscription = await client.subscribe(filters, {}, inbox.take);
      equal([...subscription.granted], [1, 2], "granted");
      await client.publish(kit.topic("kitchen/temperature"), "21.5", { qos: 1 });
      equal((await inbox.next()).params.room, "kitchen", "{room}");
      await client.publish(kit.topic("files/a/b/c"), "", { qos: 1 });
      equal((await inbox.next()).params.path, "a/b/c", "{path...}");
    },
  },
];

const version5 = [
  {
    // Statements: 5.0 MQTT-3.8.3-3
    name: "No Local: what oneself has published does not come back",
    versions: [5],
    async run(kit) {
      const [client, other] = await Promise.all([kit.connect(), kit.connect()]);
      const inbox = new Inbox();
      await client.subscribe(kit.topic("room"), { qos: 1, noLocal: true }, inbox.take);
      await client.publish(kit.topic("room"), "mine", { qos: 1 });
      await other.publish(kit.topic("room"), "theirs", { qos: 1 });
      equal((await inbox.next()).text, "theirs", "first message");
    },
  },
  {
    name: "properties round trip",
    versions: [5],
    async run(kit) {
      const client = await kit.connect();
      const inbox = new Inbox();
      await client.subscribe(kit.topic("annotated"), { qos: 1 }, inbox.take);
      const userProperties = [["unit", "°C"], ["tag", "a"], ["tag", "b"], ["", ""]];
      const properties = {
        userProperties,
        contentType: "application/json",
        responseTopic: kit.topic("answers"),
        correlationData: new Uint8Array([0, 1, 254, 255]),
        payloadFormatIndicator: 1,
      };
      await client.publish(kit.topic("annotated"), '{"value":21.5}', { qos: 1, expiry: 600, properties });

      const got = (await inbox.next()).properties;
      equal(got.userProperties, userProperties, "user properties, in order, duplicates kept");
      equal([got.contentType, got.responseTopic], [properties.contentType, properties.responseTopic], "content type, response topic");
      equal([...got.correlationData], [0, 1, 254, 255], "correlation data");
      ok(Number(got.payloadFormatIndicator) === 1, "payload format indicator is 1");
      ok(got.messageExpiryInterval > 0 && got.messageExpiryInterval <= 600, "message expiry interval is at most 600");
    },
  },
  {
    name: "ask and answer",
    versions: [5],
    async run(kit) {
      const [server, client] = await Promise.all([kit.connect(), kit.connect()]);
      await server.respond(kit.topic("sum"), async (message) => String(message.json().reduce((a, b) => a + b)));
      const answers = await Promise.all([
        client.request(kit.topic("sum"), "[1, 2, 3]", { timeout: 5_000 }),
        client.request(kit.topic("sum"), "[40, 2]", { timeout: 5_000 }),
      ]);
      equal(answers.map((answer) => answer.text()), ["6", "42"], "answers");
    },
  },
  {
    name: "a question that nobody answers",
    versions: [5],
    async run(kit) {
      const client = await kit.connect();
      await kit.failsWith(client.request(kit.topic("nobody"), "hello?", { timeout: 300 }), { code: "TIMEOUT" });
    },
  },
];

export const cases = [...delivery, ...retained, ...wills, ...subscriptions, ...version5, ...protocolCases, ...troubleCases];

const versionName = { 5: "5.0", 4: "3.1.1", 3: "3.1", auto: "auto" };

/**
 * What runs with a broker that is `{ versions, guarded?, slow? }`, or with none, `{ versions, alone: true }`:
 * a list of `{ entry, version, title }`.
 */
export function plan({ versions, guarded = false, slow = false, alone = false }) {
  return cases
    .filter((entry) => Boolean(entry.alone) === alone && (guarded || !entry.guarded) && !(slow && entry.bulky))
    .flatMap((entry) =>
      (entry.versions ?? [5, 4])
        .filter((version) => version === "auto" || versions.includes(version))
        .map((version) => ({ entry, version, title: `${entry.name} (${versionName[version]})` })),
    );
}
