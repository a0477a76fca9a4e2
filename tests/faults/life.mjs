// A process that has a store on disk, and is killed: `node life.mjs OPTIONS`, where these are JSON:
//
//   url, folder     of the broker, of the store
//   first, count    publishes so many messages, numbered from there (messageOf() in lives.mjs); null: until it ends
//   size            bytes that are added to each
//   conversation    does that step by step instead, one of each kind
//   kill            { write, side }: dies by its own hand at this write of the store (1, 2, …): "before" it, "amid" it, or
//                   "after" it, when nobody has heard of it
//   unsynced        what is written is not synced: a sabotage
//
// It lives until its standard input ends, then closes its client, or ends at once where it has not drained. Its lines:
//
//   stored N        the message is in the store
//   resolved N      … is acknowledged
//   got QOS TOPIC TEXT   a handler was given this
//   noted COUNT     so many more inbound messages of QoS 2 are in the store, in the order in which handlers got them
//   answered TEXT   PUBREC for this inbound message leaves
//   ready           it has subscribed
//   drained         all that it has published is acknowledged
//   killed WHAT     at a write of these kinds of records
import { writeSync } from "node:fs";
import { Client } from "tarta";
import { fileStore } from "tarta/node";
import WebSocket from "ws";
import { PUBLISH, PUBREC, readPackets } from "../web/fake-broker.mjs";
import { messageOf } from "./lives.mjs";

const options = JSON.parse(process.argv[2]);
const { url, folder, first = 0, count = 0, size = 0, conversation = false, kill, unsynced = false } = options;
const TOGETHER = 8; // messages that are on their way into the store at once
const KINDS = ["head", "message", "released", "inbound", "subscription", "client"]; // as core/session.hpp numbers them
const KIND_AT = 5; // in an envelope; see web/src/stores/envelope.ts

const say = (line) => writeSync(1, `${line}\n`);

if (unsynced) {
  const { ClassicLevel } = await import("classic-level");
  const { batch } = ClassicLevel.prototype;
  ClassicLevel.prototype.batch = function (changes, how) {
    return batch.call(this, changes, { ...how, sync: false });
  };
}

/** The store, which tells what is written to it, and ends the process there. */
function watched(store) {
  let writes = 0;
  return {
    async open() {
      const opened = await store.open();
      return {
        read: () => opened.read(),
        close: () => opened.close(),
        async write(changes) {
          const kinds = changes.map(([, value]) => (value ? KINDS[value[KIND_AT]] : "forgotten")).filter((kind) => kind !== "head");
          const here = ++writes === kill?.write;
          const die = () => {
            say(`killed ${[...new Set(kinds)].join()}`);
            process.kill(process.pid, "SIGKILL");
          };
          if (here && kill.side === "before") die();
          const writing = opened.write(changes);
          if (here && kill.side === "amid") die();
          await writing;
          const noted = kinds.filter((kind) => kind === "inbound").length;
          if (noted > 0) say(`noted ${noted}`);
          if (here) die();
        },
      };
    },
  };
}

/** A WebSocket that tells which inbound messages of QoS 2 the client answers for. */
class Watched extends WebSocket {
  #texts = new Map(); // by packet identifier
  #readSent = readPackets();

  constructor(...given) {
    super(...given);
    const read = readPackets();
    this.on("message", (bytes) => {
      for (const { type, qos, id, payload } of read(bytes)) if (type === PUBLISH && qos === 2) this.#texts.set(id, payload.toString());
    });
  }

  send(bytes, ...rest) {
    for (const { type, id } of this.#readSent(bytes)) if (type === PUBREC) say(`answered ${this.#texts.get(id)}`);
    super.send(bytes, ...rest);
  }
}

const client = new Client(url, {
  version: 5,
  clientId: "life",
  WebSocket: Watched,
  store: watched(fileStore(folder)),
  reconnect: { min: 1, max: 20, initial: true },
  queue: { maxBytes: 2 ** 30 },
});

function enqueue(number) {
  const { topic, text, qos } = messageOf(number, size);
  const { stored, acked } = client.enqueue(topic, text, { qos });
  return { stored: stored.then(() => say(`stored ${number}`)), acked: acked.then(() => say(`resolved ${number}`)) };
}

function publish(number) {
  const { topic, text, qos } = messageOf(number, size);
  return client.publish(topic, text, { qos }).then(() => say(`resolved ${number}`));
}

/** What has come to wait for: handlers that were given so many messages. */
let got = 0;
let heard = () => {};
const received = async (number) => {
  while (got < number) await new Promise((resolve) => (heard = resolve));
};
const take = (message) => {
  say(`got ${message.qos} ${message.topic} ${message.text()}`);
  got++;
  heard();
};

async function flood() {
  const end = first + (count ?? Infinity);
  for (let number = first; number < end; number += TOGETHER) {
    const numbers = Array.from({ length: Math.min(TOGETHER, end - number) }, (_, index) => number + index);
    await Promise.all(numbers.map((one) => enqueue(one).stored));
  }
}

/** Each step begins when the one before it has come to its end, so that they are written one by one. */
async function converse() {
  await enqueue(first).stored;
  await enqueue(first + 1).stored;
  await connecting;
  await subscribing;
  await client.drain();
  await publish(first + 2);
  await publish(first + 3);
  await received(2);
  const other = await client.subscribe("other/+", { qos: 1 });
  await Promise.all([publish(first + 4), enqueue(first + 5).acked, publish(first + 6)]);
  await other.unsubscribe();
}

const subscribing = client.subscribe("in/#", { qos: 2 }, take).then(() => say("ready"));
const connecting = client.connect();
let drained = false;
const ended = new Promise((resolve) => process.stdin.once("end", resolve).resume()).then(() => drained || process.exit(1));
await (conversation ? converse() : flood());
await Promise.all([connecting, subscribing]);
await client.drain();
drained = true;
say("drained");
await ended;
await client.close();
