// The third part of the list of cases: what the protocol offers beyond publishing and subscribing, as a broker shows it.

import { equal, Inbox, ok } from "./kit.mjs";

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const reconnect = { min: 50, max: 200 };

const sessions = [
  {
    name: "through a line that is cut again and again, QoS 2 arrives once, and in order",
    within: 30_000,
    async run(kit) {
      const line = kit.line();
      // In 3.1.1 a clean session is clean on each connection.
      const session = { clientId: `counts${kit.platform}${kit.version}`, clean: kit.version === 5 };
      const sending = kit.connect({ ...session, reconnect, WebSocket: line.WebSocket });
      const [receiver, sender] = await Promise.all([kit.connect(), sending]);
      const inbox = new Inbox();
      await receiver.subscribe(kit.topic("counted"), { qos: 2 }, inbox.take);
      await sender.subscribe(kit.topic("nothing")); // without one aedes knows of no session
      const sent = [];
      for (let number = 0; number < 300; number++) {
        sent.push(sender.publish(kit.topic("counted"), String(number), { qos: 2 }));
        if (number % 60 === 30) {
          line.cut();
          await pause(20);
        } else if (number % 10 === 0) await pause(1);
      }
      await Promise.all(sent);
      await inbox.reach(sent.length);
      equal(inbox.texts, sent.map((_, number) => String(number)), "messages");
    },
  },
  {
    name: "a session that has expired while the line was down is begun anew",
    versions: [5],
    async run(kit) {
      const line = kit.line();
      const url = async (attempt) => {
        if (attempt > 0) await pause(1_600);
        return kit.broker.url;
      };
      const client = await kit.connect({ sessionExpiryInterval: 1, reconnect, WebSocket: line.WebSocket }, url);
      const inbox = new Inbox();
      await client.subscribe(kit.topic("again"), { qos: 1 }, inbox.take);
      line.cut();
      const back = client.publish(kit.topic("again"), "after it", { qos: 1 });
      await inbox.next();
      await back;
      equal(client.server.sessionPresent, false, "session present");
      equal(inbox.texts, ["after it"], "messages");
    },
  },
  {
    name: "what was not acknowledged by hand comes again",
    async run(kit) {
      const line = kit.line();
      const clientId = `byhand${kit.platform}${kit.version}`;
      const client = await kit.connect({ clientId, clean: false, reconnect, WebSocket: line.WebSocket });
      let times = 0;
      const twice = new Promise((resolve) => {
        client.subscribe(kit.topic("job"), { qos: 1, ack: "manual" }, (message) => {
          if (++times === 1) return line.cut();
          message.ack();
          resolve();
        });
      });
      await client.drain();
      const sender = await kit.connect();
      await sender.publish(kit.topic("job"), "to do", { qos: 1 });
      await twice; // with DUP, but from aedes
      equal(times, 2, "times");
    },
  },
  {
    name: "a clientId that the server assigns",
    versions: [5],
    async run(kit) {
      const client = await kit.connect({ clientId: "" });
      ok(client.clientId.length > 0, "there is a client identifier");
      equal(client.clientId, client.server.assignedClientIdentifier, "client identifier");
    },
  },
];

const messages = [
  {
    name: "more topics than there are aliases",
    versions: [5],
    async run(kit) {
      const [sender, receiver] = await Promise.all([kit.connect(), kit.connect()]);
      const inbox = new Inbox();
      await receiver.subscribe(kit.topic("many/#"), { qos: 1 }, inbox.take);
      const topics = Array.from({ length: 90 }, (_, number) => kit.topic(`many/${(number * 7) % 30}`));
      await Promise.all(topics.map((topic, number) => sender.publish(topic, topic, { qos: number % 2 })));
      const got = await inbox.reach(topics.length);
      ok(sender.server.topicAliasMaximum > 0 && sender.server.topicAliasMaximum < 30, "the server takes some aliases, but not 30");
      equal(got.map(({ topic }) => topic), got.map(({ text }) => text), "topics");
      equal(got.map(({ topic }) => topic).sort(), topics.toSorted(), "all of them");
    },
  },
  {
    name: "a message that expires in the queue is not sent",
    async run(kit) {
      const inbox = new Inbox();
      const receiver = await kit.connect();
      await receiver.subscribe(kit.topic("fresh"), { qos: 1 }, inbox.take);
      const client = kit.create();
      const stale = client.publish(kit.topic("fresh"), "stale", { qos: 1, expiry: 1 });
      const failed = kit.failsWith(stale, { code: "MESSAGE_EXPIRED" });
      await pause(1_600);
      await client.connect();
      await failed;
      await client.publish(kit.topic("fresh"), "fresh", { qos: 1 });
      await inbox.next();
      equal(inbox.texts, ["fresh"], "messages");
    },
  },
  {
    name: "a message that is taken back before the connection is not sent",
    async run(kit) {
      const inbox = new Inbox();
      const receiver = await kit.connect();
      await receiver.subscribe(kit.topic("kept"), { qos: 1 }, inbox.take);
      const client = kit.create();
      const controller = new AbortController();
      const taken = client.publish(kit.topic("kept"), "no", { qos: 1, signal: controller.signal });
      const kept = client.publish(kit.topic("kept"), "yes", { qos: 1 });
      const failed = kit.failsWith(taken, { code: "CANCELLED" });
      controller.abort();
      await failed;
      await client.connect();
      await kept;
      await inbox.next();
      equal(inbox.texts, ["yes"], "messages");
    },
  },
  {
    name: "a will that waits",
    versions: [5],
    async run(kit) {
      const line = kit.line();
      const inbox = new Inbox();
      const receiver = await kit.connect();
      await receiver.subscribe(kit.topic("last"), { qos: 1 }, inbox.take);
      const properties = {
        userProperties: [["a", "b"], ["a", "b"]],
        contentType: "text/plain",
        responseTopic: kit.topic("answers"),
        correlationData: new Uint8Array([0, 255]),
        payloadFormatIndicator: 1,
      };
      const will = { topic: kit.topic("last"), payload: "words", qos: 1, delayInterval: 1, expiry: 600, properties };
      await kit.connect({ will, WebSocket: line.WebSocket });
      const cut = performance.now();
      line.cut();
      const message = await inbox.next();
      ok(performance.now() - cut > 800, "it waits for a second");
      equal(message.text, "words", "message");
      for (const name of ["userProperties", "contentType", "responseTopic", "payloadFormatIndicator"]) {
        equal(message.properties[name], properties[name], name);
      }
      equal([...message.properties.correlationData], [0, 255], "correlationData");
      const left = message.properties.messageExpiryInterval;
      ok(left > 590 && left <= 600, `it has ${left} of 600 seconds left`);
    },
  },
  {
    name: "nobody is subscribed: the server says so",
    versions: [5],
    async run(kit) {
      const client = await kit.connect();
      equal((await client.publish(kit.topic("desert"), "hello", { qos: 1 })).reasonCode, 0x10, "reason code");
    },
  },
];

const limits = [
  {
    // Not the other way round: Mosquitto 2.0.11 sends more than a small Receive Maximum of ours allows.
    name: "more messages at once than the server's Receive Maximum",
    versions: [5],
    within: 30_000,
    async run(kit) {
      const [sender, receiver] = await Promise.all([kit.connect(), kit.connect()]);
      const inbox = new Inbox();
      await receiver.subscribe(kit.topic("crowd"), { qos: 1 }, inbox.take);
      const numbers = Array.from({ length: sender.server.receiveMaximum + 500 }, (_, number) => String(number));
      await Promise.all(numbers.map((number) => sender.publish(kit.topic("crowd"), number, { qos: 2 })));
      await inbox.reach(numbers.length);
      equal(inbox.texts.join(" "), numbers.join(" "), "messages");
    },
  },
  {
    name: "a server keeps what is too large to itself",
    versions: [5],
    async run(kit) {
      const [sender, receiver] = await Promise.all([kit.connect(), kit.connect({ maximumPacketSize: 1_000 })]);
      const inbox = new Inbox();
      await receiver.subscribe(kit.topic("sizes"), { qos: 1 }, inbox.take);
      await sender.publish(kit.topic("sizes"), "x".repeat(2_000), { qos: 1 });
      await sender.publish(kit.topic("sizes"), "small", { qos: 1 });
      await inbox.next();
      equal(inbox.texts, ["small"], "messages");
    },
  },
];

const options = [
  {
    // Statements: scenarios 47
    name: "no local, retain as published, retain handling",
    versions: [5],
    async run(kit) {
      const [client, other] = await Promise.all([kit.connect(), kit.connect()]);
      await client.publish(kit.topic("kept"), "old", { qos: 1, retain: true });
      const [local, retained] = [new Inbox(), new Inbox()];
      await client.subscribe(kit.topic("+"), { qos: 1, noLocal: true, retainHandling: 2 }, local.take);
      await other.subscribe(kit.topic("kept"), { qos: 1, retainAsPublished: true }, retained.take);
      equal([(await retained.next()).text, retained.all[0].retain], ["old", true], "what was there");
      await client.publish(kit.topic("kept"), "new", { qos: 1, retain: true });
      equal([(await retained.next()).text, retained.all[1].retain], ["new", true], "what came, with its flag");
      await other.publish(kit.topic("end"), "end", { qos: 1 });
      await local.next();
      equal(local.texts, ["end"], "nothing of its own, nothing retained");
      await client.publish(kit.topic("kept"), "", { qos: 1, retain: true });
    },
  },
  {
    name: "a shared subscription: each message for one of them",
    versions: [5],
    async run(kit) {
      const [sender, ...receivers] = await Promise.all([kit.connect(), kit.connect(), kit.connect()]);
      const inboxes = [new Inbox(), new Inbox()];
      const filter = `$share/${kit.platform}/${kit.topic("work")}`;
      for (const [index, receiver] of receivers.entries()) await receiver.subscribe(filter, { qos: 1 }, inboxes[index].take);
      const numbers = Array.from({ length: 100 }, (_, number) => String(number));
      await Promise.all(numbers.map((number) => sender.publish(kit.topic("work"), number, { qos: 1 })));
      await Promise.race([inboxes[0].reach(100), inboxes[1].reach(100), pause(300)]);
      const all = inboxes.flatMap(({ texts }) => texts).sort((a, b) => a - b);
      equal(all, numbers, "messages of both");
      ok(inboxes.every((inbox) => inbox.all.length > 0), "both had some");
    },
  },
];

const oldest = [0, 1, 2].map((qos) => ({
  name: `a message in the oldest version at QoS ${qos}`,
  versions: [3],
  async run(kit) {
    const client = await kit.connect();
    equal(client.server.version, 3, "version");
    const inbox = new Inbox();
    await client.subscribe(kit.topic("old"), { qos }, inbox.take);
    await client.publish(kit.topic("old"), "hello", { qos });
    const { text, qos: got } = await inbox.next();
    equal([text, got], ["hello", qos], "message");
  },
}));

export const protocolCases = [...sessions, ...messages, ...limits, ...options, ...oldest];
