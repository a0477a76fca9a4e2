// A client that runs for long holds no more at the end than at the beginning.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { startMosquitto } from "../../brokers/mosquitto.mjs";

const WORKLOAD = fileURLToPath(new URL("../workload.mjs", import.meta.url));
const RATE = 2000; // messages per second, each way: eight times those of a busy dashboard (250)
// Without compilers of JavaScript: their code is on the heap as well, and comes to it for hours, as seldom paths become warm.
const FLAGS = ["--expose-gc", "--no-opt", "--no-maglev", "--no-sparkplug", "--no-lazy-feedback-allocation"];
const WARM_UP = 1 / 6; // of the samples, that are not counted: until all has been done once, and all tables have their size

export async function prepare() {
  const broker = await startMosquitto();
  return { url: broker.front.url, close: () => broker.stop() };
}

/** The slope of the heap, and its 95 % interval, in bytes per minute (least squares; normal, as there are many samples). */
function slope(samples) {
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const minutes = samples.map(({ minute }) => minute);
  const heaps = samples.map(({ heap }) => heap);
  const [middle, level] = [mean(minutes), mean(heaps)];
  const spread = minutes.reduce((sum, minute) => sum + (minute - middle) ** 2, 0);
  const value = minutes.reduce((sum, minute, i) => sum + (minute - middle) * (heaps[i] - level), 0) / spread;
  const rest = heaps.reduce((sum, heap, i) => sum + (heap - level - value * (minutes[i] - middle)) ** 2, 0) / (samples.length - 2);
  const half = 1.96 * Math.sqrt(rest / spread);
  return { value, low: value - half, high: value + half };
}

export async function round({ prepared, say, signal, short }) {
  const [seconds, every, warmUp] = short ? [6, 0.5, 2] : [3600, 10, 300];
  const child = spawn(process.execPath, [...FLAGS, WORKLOAD, prepared.url, seconds, RATE, every, warmUp], { stdio: ["ignore", "pipe", "inherit"], signal });
  child.on("error", () => {}); // it was stopped
  const ended = new Promise((resolve) => child.once("close", (code, by) => resolve(by ?? code)));
  const begin = performance.now();
  const samples = [];
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      const sample = { minute: (performance.now() - begin) / 60_000, ...JSON.parse(line) };
      assert.deepEqual(sample.problems, []);
      samples.push(sample);
      if (!short && samples.length % 30 === 0) say(`minute ${sample.minute.toFixed(0)}: ${sample.heap} bytes, ${sample.received} messages received`);
    }
    const end = await ended;
    if (signal.aborted) return {};
    assert.equal(end, 0);
  } finally {
    child.kill();
  }
  const { sent, received, connections } = samples.at(-1);
  const steady = samples.slice(Math.ceil(samples.length * WARM_UP));
  const { value, low, high } = slope(steady);
  const figures = {
    sent, received, connections, samples: steady.length,
    "heap at first": steady[0].heap, "heap at last": steady.at(-1).heap,
    "bytes a minute": `${value.toFixed(0)} (95 %: ${low.toFixed(0)} to ${high.toFixed(0)})`,
  };
  if (short) assert.ok(steady.at(-1).heap - steady[0].heap < 500_000, JSON.stringify(figures)); // some 50 bytes of each message
  else assert.ok(low <= 0 && high >= 0, `the heap grows or shrinks: ${JSON.stringify(figures)}`);
  assert.ok(steady.at(-1).external <= steady[0].external + 2 ** 20, "memory beside the heap grows");
  assert.ok(received >= sent * 0.6, `${received} of ${sent} came back`); // a third is of QoS 0, which a cut may take
  return figures;
}
