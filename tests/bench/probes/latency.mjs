// Publish and back: `node latency.mjs PORT SAMPLES CLIENT…` prints the ms of each, for each client. The clients take turns in
// one process, so that whatever else the machine does meets all of them alike.
import { setTimeout as pause } from "node:timers/promises";
import { payloadOf, workloads } from "../workloads.mjs";

const [port, samples, ...names] = process.argv.slice(2);
const PAUSE = 20; // ms between two messages of a client
const WARM = 50;
const payload = payloadOf(workloads.echo, 0);

const clients = await Promise.all(names.map(async (name) => {
  const { open } = await import(`../clients/${name}.mjs`);
  const session = await open(`ws://127.0.0.1:${port}/echo/0`);
  let back;
  await session.subscribe(["echo"], 0, [() => back()]);
  const roundTrip = session.roundTrip ?? ((topic, bytes) => new Promise((resolve) => {
    back = resolve;
    session.publish(topic, bytes, 0);
    session.flush?.();
  }));
  return { name, roundTrip, times: [] };
}));

for (let number = -WARM; number < Number(samples); number++) {
  for (const { roundTrip, times } of clients) {
    await pause(PAUSE / clients.length);
    const begin = performance.now();
    await roundTrip("echo", payload);
    if (number >= 0) times.push(performance.now() - begin);
  }
}
console.log(JSON.stringify(Object.fromEntries(clients.map(({ name, times }) => [name, times]))));
process.exit();
