// One client in one workload: `node messages.mjs CLIENT WORKLOAD PORT WARM COUNT` prints what COUNT messages cost, after
// WARM others.
import { add, filtersOf, payloadOf, sumOf, topicOf, workloads } from "../workloads.mjs";

const [name, workloadName, port, ...numbers] = process.argv.slice(2);
const [warm, count] = numbers.map(Number);
const workload = workloads[workloadName];
const BATCH = 500; // publishes of a turn

const library = await import(`../clients/${name}.mjs`);
const session = await library.open(`ws://127.0.0.1:${port}/${workloadName}/${warm + count}`);
const { signal = "$bench" } = session;

let sum = 0;
let received = 0;
let finish;
const handler = (topic, payload) => {
  sum = add(sum, sumOf(topic, payload));
  received++;
};
// What comes with the signal itself, and where a handler takes that for a message as well, does not count.
await session.subscribe([signal], 0, [(_, payload) => finish({ truth: JSON.parse(Buffer.from(payload).toString()), sum, received })]);
if (workload.kind === "receive") {
  const filters = filtersOf(workload);
  await session.subscribe(filters, workload.qos, filters.map(() => handler));
}

const cycle = workload.kind === "receive" ? [] : Array.from({ length: 2_000 }, (_, number) => [topicOf(workload, number), payloadOf(workload, number)]);

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
    if (batch[0] === undefined) await new Promise(setImmediate);
  }
}

/** Has `amount` messages go; whether all have arrived as they were sent. */
async function run(amount) {
  sum = 0;
  received = 0;
  const told = session.finished?.().then((truth) => ({ truth, sum })) ?? new Promise((resolve) => (finish = resolve));
  session.publish("$start", Buffer.from(JSON.stringify({ count: amount, signal })), 0);
  session.flush?.();
  if (workload.kind === "publish") await publish(amount);
  const { truth, ...seen } = await told;
  if (workload.kind === "publish") return sum === truth.sum && truth.count === amount;
  return truth.count === amount && (!("received" in seen) || (seen.sum === truth.sum && seen.received === amount));
}

const warmed = await run(warm);
const before = process.cpuUsage();
const begin = performance.now();
const sound = (await run(count)) && warmed;
const { user, system } = process.cpuUsage(before);
const wall = performance.now() - begin;
if (!sound) throw new Error("the checksum is not that of the server");
console.log(JSON.stringify({ cpu: (user + system) / count, wall: (wall * 1000) / count, rss: process.memoryUsage.rss() }));
process.exit();
