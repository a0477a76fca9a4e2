// A client that does all that clients do, at a steady rate: `node --expose-gc workload.mjs URL SECONDS RATE EVERY WARM_UP`. Each
// message that it publishes comes back to it. Every EVERY seconds it rests until all is acknowledged, collects garbage, and writes
// a line of JSON with what is left on the heap. In the first WARM_UP seconds it does what is seldom often, so that what V8
// notes of the code for it is there.
import WebSocket from "ws";
import { Client, memoryStore } from "tarta";

const [url, seconds, rate, every, warmUp] = process.argv.slice(2).map((text, index) => (index === 0 ? text : Number(text)));
const TICK = 10; // ms
const CUT = { warm: 250, steady: 20_000 }; // ms between lost connections
const VISIT = { warm: 20, steady: 500 };
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

let line; // the WebSocket in use
class Line extends WebSocket {
  constructor(...parameters) {
    super(...parameters);
    line = this;
  }
}

const client = new Client(url, { version: 5, store: memoryStore(), WebSocket: Line, reconnect: { min: 1, max: 50, initial: true } });
const problems = [];
client.addEventListener("error", ({ error }) => error.code !== "CONNECTION_LOST" && problems.push(String(error)));
await client.connect();

const counts = { sent: 0, received: 0, connections: 0 };
const mine = `load/${client.clientId}`;
const count = () => void counts.received++;
await client.subscribe(`${mine}/handler/{n}`, { qos: 2 }, count);
await client.batch(`${mine}/batch/#`, { qos: 1 }, (messages) => void (counts.received += messages.length));
await client.subscribe(`${mine}/manual/#`, { qos: 1, ack: "manual" }, (message) => (count(), void setTimeout(() => message.ack(), 5)));
await client.respond(`${mine}/ask`, (message) => message.text());
void (async () => {
  for await (const message of client.messages(`${mine}/loop/#`, { qos: 1, buffer: 10_000 })) count(message);
})();

const places = ["handler", "batch", "manual", "loop"];
let resting = false;
let under = 0; // publishes that are under way

function publishSome() {
  for (let left = (rate * TICK) / 1000; left > 0; left--) {
    const number = counts.sent++;
    under++;
    const topic = `${mine}/${places[number % 4]}/${number % 1500}`; // more topics than the client has room for
    const done = number % 5 === 4 ? client.enqueue(topic, `${number}`, { qos: 2 }).acked : client.publish(topic, `${number}`, { qos: number % 3 });
    done.then(() => under--, (error) => {
      under--;
      // QoS 0 is given up with its connection.
      if (error.code !== "CONNECTION_LOST" || number % 3 !== 0) problems.push(String(error));
    });
  }
}

/** What comes and goes beside the messages. */
async function visit(number) {
  const control = new AbortController();
  client.publish(`${mine}/handler/never`, "x", { qos: 1, signal: control.signal }).catch(() => {});
  control.abort();
  const subscription = await client.subscribe(`${mine}/visit/${number}`, { qos: number % 3 }, count);
  client.addEventListener("state", count, { once: true });
  client.removeEventListener("state", count);
  if ((await client.request(`${mine}/ask`, String(number), { timeout: 5000 })).text() !== String(number)) problems.push("a wrong answer");
  await subscription.unsubscribe();
}

const begin = performance.now();
const timers = new Map();

/** Does something again and again, but while the client rests. */
function repeat(name, { warm, steady }, act) {
  const pace = performance.now() - begin < warmUp * 1000 ? warm : steady;
  timers.set(name, setTimeout(() => (resting || act(), repeat(name, { warm, steady }, act)), pace));
}

let visits = 0;
const unlikely = (error) => /CONNECTION_LOST|TIMEOUT/.test(error.code) || problems.push(String(error));
const publishing = setInterval(() => resting || publishSome(), TICK);
repeat("visit", VISIT, () => visit(visits++).catch(unlikely));
repeat("cut", CUT, () => client.state === "online" && line.terminate());

for (const end = performance.now() + seconds * 1000; performance.now() < end; ) {
  await pause(every * 1000);
  resting = true;
  await client.drain();
  while (under > 0) await pause(10);
  await pause(100);
  for (let times = 0; times < 3; times++) globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  counts.connections = client.stats.connections;
  console.log(JSON.stringify({ heap: heapUsed, external, ...counts, visits, problems: problems.splice(0) }));
  resting = false;
}
for (const timer of [publishing, ...timers.values()]) clearTimeout(timer);
await client.close();
