// The browser's part of the benchmark, as run.mjs takes it: everything that rows.mjs lists, in one table.
import { asked, median, shown } from "../figures.mjs";
import { amountOf, measureScript, measureStart, measureStream, measureWorkload, openBench, withBusyCores } from "./measure.mjs";
import { CONTENDERS, DELAY, FRAMES, SCRIPT, START, WORKLOADS } from "./rows.mjs";
import { messages } from "../workloads.mjs";

export const title = "Chromium: tarta on the page and in a Worker";

const TARTA = { page: "tarta", worker: "tarta, Worker" };

/** Whether what is asked of the page and of the Worker, where it is, has been met. `values`: by contender. */
function askedOf(values, limits, kind, unit) {
  const all = ["page", "worker"].filter((form) => limits[form] !== undefined).map((form) => {
    const { text, met } = asked(values[TARTA[form]], { [kind]: limits[form], unit });
    return { text: form === "worker" ? `Worker ${text}` : text, met };
  });
  return all.length > 0 ? { text: all.map(({ text }) => text).join(", "), met: all.every(({ met }) => met) } : undefined;
}

/** Medians by contender of each figure that `measure` gives: `{ figure: { contender: value } }`; they take turns. */
async function compare(taking, rounds, measure, failed) {
  const runs = taking.map((one) => ({ ...one, figures: [] }));
  for (let round = 0; round < rounds; round++) {
    for (const one of runs) {
      try {
        one.figures.push(await measure(one));
      } catch (error) {
        await failed(one, error);
      }
    }
  }
  const having = runs.filter(({ figures }) => figures.length > 0);
  const kinds = [...new Set(having.flatMap(({ figures }) => Object.keys(figures[0])))];
  return Object.fromEntries(kinds.map((kind) =>
    [kind, Object.fromEntries(having.map(({ name, figures }) => [name, median(figures.map((figure) => figure[kind]))]))]));
}

/** @returns rows for table() of ../figures.mjs */
export async function measure({ clients, rounds, scale, port, signal, note }) {
  const contenders = CONTENDERS.filter(({ client }) => client in clients).map((one) => {
    const label = one.label ?? clients[one.client].label;
    return { ...one, label: one.worker ? `${label}, Worker` : label };
  });
  const taking = (names) => contenders.filter(({ name }) => names.includes(name));
  const rows = [];
  /** `values` by contender; `show` makes a cell of a value. */
  const row = (name, label, values = {}, show, wanted) => {
    const having = contenders.filter((one) => values[one.name] !== undefined);
    rows.push({ name, label, figures: values, cells: Object.fromEntries(having.map((one) => [one.label, show(values[one.name], one.name)])), asked: wanted });
  };
  const digits = (count) => (value) => shown(value, count);

  const bench = await openBench(port);
  const failed = (what) => (one, error) => {
    if (signal.aborted) return new Promise(() => {}); // the process is about to end
    note(`  ${what}: ${one.label}: ${error.message.split("\n")[0]}`);
    process.exitCode = 1;
    return undefined;
  };
  try {
    const processes = [];
    for (const [name, wanted] of Object.entries(WORKLOADS)) {
      const workload = messages[name];
      const suited = contenders.filter((one) => one.name !== "idle" && !clients[one.client].cannot?.(workload));
      const { main, renderer } = await compare(suited, rounds, (one) => measureWorkload(bench, one, name, amountOf(name, one, scale)), failed(name));
      note(`  ${name}, µs: ${Object.entries(main ?? {}).map(([one, value]) => `${one} ${shown(value, 2)}`).join("; ")}`);
      const times = Object.fromEntries(Object.entries(main ?? {}).map(([one, value]) => [one, main.mqttjs / value]));
      row(name, `main thread, MQTT.js = 1: ${workload.label}`, main?.mqttjs && times, (value, one) =>
        one === "mqttjs" ? `${shown(main.mqttjs, 2)} µs` : `${shown(value, 1)}×`, askedOf(times, wanted, "least", "×"));
      processes.push([name, workload, renderer]);
    }
    for (const [name, { label }, renderer] of processes) {
      const most = renderer?.mqttjs && asked(renderer["tarta, Worker"], { most: Number(renderer.mqttjs.toFixed(1)) });
      row(`${name}-process`, `whole process, µs: ${label}`, renderer, digits(1), most && { ...most, text: "Worker ≤ MQTT.js" });
    }

    const { script } = await compare(taking(SCRIPT.names), rounds, (one) => measureScript(bench, one, SCRIPT.workload, amountOf(SCRIPT.workload, one, scale)), failed("script"));
    const above = script?.bare && Object.fromEntries(Object.entries(script).filter(([one]) => one !== "bare").map(([one, value]) => [one, value - script.bare]));
    row("script", `scripts above the bare WebSocket, µs: ${messages[SCRIPT.workload].label}`, above, digits(2), askedOf(above ?? {}, SCRIPT, "most"));

    const { start } = await compare(taking(Object.keys(START.scripts)), Math.max(rounds, 3), (one) => measureStart(bench, START.scripts[one.name]), failed("start"));
    row("start", "script evaluated and wasm ready, ms", start, digits(1), askedOf(start ?? {}, START, "most"));

    const seconds = Math.max(0.3, DELAY.seconds * scale);
    const { half, delay } = await compare(taking(DELAY.names), rounds, (one) => measureStream(bench, one, { ...DELAY, seconds }, true), failed("delay"));
    row("delay-median", `${shown(DELAY.rate)} messages/s: to the handler, p50, ms`, half, digits(1));
    row("delay", `${shown(DELAY.rate)} messages/s: to the handler, p99, ms`, delay, digits(1), askedOf(delay ?? {}, DELAY, "most"));

    const stretch = Math.min(FRAMES.seconds, Math.max(0.3, FRAMES.seconds * scale * 4)); // whole even where rounds are quick
    const { gap, main, share } = await withBusyCores(() =>
      compare(taking(FRAMES.names), Math.min(rounds, 3), (one) => measureStream(bench, one, { ...FRAMES, seconds: stretch }, false), failed("frames")));
    const busy = `${shown(FRAMES.rate)} messages/s, all cores busy`;
    row("frames", `${busy}: gap between frames, p99, ms`, gap, digits(1), askedOf(gap ?? {}, FRAMES.gap, "most"));
    row("frames-main", `${busy}: main thread in ${stretch} s, s`, main, digits(2), askedOf(main ?? {}, FRAMES.main, "most"));
    row("frames-share", `${busy}: handled in time`, share, (value) => `${shown(value * 100)} %`);
  } finally {
    await bench.stop();
  }
  return rows;
}
