// What a publish holds while the server does not acknowledge it: `node --expose-gc held.mjs CLIENT PORT COUNT` prints the
// bytes of each, of its core (WebAssembly memory) and in all.
import { setTimeout as pause } from "node:timers/promises";
import { payloadOf, topicOf, workloads } from "../workloads.mjs";

const [name, port, counted] = process.argv.slice(2);
const count = Number(counted);
const workload = workloads.hold;

// The memories of the WebAssembly instances that the client makes.
const memories = [];
WebAssembly.Instance = new Proxy(WebAssembly.Instance, {
  construct(Instance, given) {
    const instance = new Instance(...given);
    if (instance.exports.memory) memories.push(instance.exports.memory);
    return instance;
  },
});

async function inUse() {
  // What has been written to the socket is let go, and what is weakly held.
  for (let times = 0; times < 3; times++) {
    await pause(20);
    gc();
  }
  const { heapUsed, external } = process.memoryUsage(); // buffers and WebAssembly memories are external
  const core = memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
  return { core, all: heapUsed + external };
}

const { open } = await import(`../clients/${name}.mjs`);
const session = await open(`ws://127.0.0.1:${port}/hold/0`);
let told;
const arrived = new Promise((resolve) => (told = resolve));
await session.subscribe(["$bench"], 0, [told]);
session.publish("$start", Buffer.from(JSON.stringify({ count, signal: "$bench" })), 0);
const payloads = Array.from({ length: workload.topics }, (_, number) => payloadOf(workload, number));
const topics = payloads.map((_, number) => topicOf(workload, number));

const before = await inUse();
for (let number = 0; number < count; number++) {
  session.publish(topics[number % topics.length], payloads[number % topics.length], 1);
  if (number % 500 === 499) await pause(0);
}
await arrived;
const after = await inUse();
console.log(JSON.stringify({ core: (after.core - before.core) / count, all: (after.all - before.all) / count }));
process.exit();
