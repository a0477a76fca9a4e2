// The page's side of a measurement, bundled with one client: measure.mjs calls what it puts on `globalThis`.
import { open } from "client";
import { add, filtersOf, sumOf, topicOf, workloads } from "../../workloads.mjs";

const BATCH = 500; // publishes of a turn
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const { port1, port2 } = new MessageChannel();
const turn = () =>
  new Promise((resolve) => {
    port1.onmessage = resolve;
    port2.postMessage(0);
  });

let session;
let workload;
let cycle; // messages to publish
let signal; // the topic on which the server says how it went
let finish;
let sum = 0;
let received = 0;

const handler = (topic, payload) => {
  sum = add(sum, sumOf(topic, payload));
  received++;
};

async function prepare(url, worker, filters, qos, handle) {
  session = await open(url, { worker });
  signal = session.signal ?? "$bench";
  // What comes with the signal itself, and where a handler takes that for a message as well, does not count.
  await session.subscribe([signal], 0, [(_, payload) => finish({ truth: JSON.parse(decoder.decode(payload)), sum, received })]);
  if (filters.length > 0) await session.subscribe(filters, qos, filters.map(() => handle));
}

function start(count) {
  session.publish("$start", encoder.encode(JSON.stringify({ count, signal })), 0);
  session.flush?.();
}

// ---- as many messages as there are, as fast as they go ----

/** Connects and subscribes. */
globalThis.prepare = async (url, name, { worker }) => {
  workload = workloads[name];
  const receives = workload.kind === "receive";
  await prepare(url, worker, receives ? filtersOf(workload) : [], workload.qos, handler);
  cycle = receives
    ? []
    : Array.from({ length: 2_000 }, (_, number) => [topicOf(workload, number), new Uint8Array(workload.payload).fill(number & 255)]);
};

async function publish(amount) {
  for (let number = 0; number < amount; ) {
    const batch = [];
    for (const end = Math.min(number + BATCH, amount); number < end; number++) {
      const [topic, payload] = cycle[number % cycle.length];
      sum = add(sum, sumOf(topic, payload));
      batch.push(session.publish(topic, payload, workload.qos));
    }
    session.flush?.();
    // Of what has no answer, the last tells of all that left with it.
    await (workload.qos === 0 ? batch.at(-1) : Promise.all(batch));
    if (batch[0] === undefined) await turn();
  }
}

/** Has `amount` messages go; whether all have arrived as they were sent. */
globalThis.run = async (amount) => {
  sum = 0;
  received = 0;
  const told = session.finished?.().then((truth) => ({ truth, sum })) ?? new Promise((resolve) => (finish = resolve));
  start(amount);
  if (workload.kind === "publish") await publish(amount);
  const { truth, ...seen } = await told;
  if (workload.kind === "publish") return sum === truth.sum && truth.count === amount;
  return truth.count === amount && (!("received" in seen) || (seen.sum === truth.sum && seen.received === amount));
};

// ---- so many messages a second ----

const delays = [];
const timely = (topic, payload) => {
  const sent = new DataView(payload.buffer, payload.byteOffset).getFloat64(0, true);
  delays.push(performance.timeOrigin + performance.now() - sent);
};

/** @param timed whether the handler looks at the clock: what that costs is not the client's */
globalThis.prepareStream = (url, { worker, timed }) => prepare(url, worker, ["#"], 0, timed ? timely : handler);

/**
 * Receives for some seconds, and counts what has come when they are over. Resolves with the delays from the server to the
 * handler, and the gaps between animation frames, ms.
 */
globalThis.stream = async (seconds) => {
  const frames = [];
  let over = false;
  const frame = (time) => {
    frames.push(time);
    if (!over) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  start(0);
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  over = true;
  const gaps = frames.slice(1).map((time, index) => time - frames[index]);
  return { delays, gaps, count: received + delays.length };
};
