// Where a client's time goes on the main thread of its page: `node profile.mjs CLIENT WORKLOAD` prints the functions
// with the most time of their own, ns per message. The profiler itself costs time: what counts are the proportions.
import { readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { startServer } from "../children.mjs";
import { amountOf, openBench, withClient } from "./measure.mjs";
import { CONTENDERS, WORKLOADS } from "./rows.mjs";

const INTERVAL = 100; // µs between samples
const SHOWN = 25; // functions

const [name, workload] = process.argv.slice(2);
const contender = CONTENDERS.find((one) => one.name === name);
if (!contender || !WORKLOADS[workload]) {
  console.error(`Usage: node profile.mjs CLIENT WORKLOAD\nCLIENT: ${CONTENDERS.map((one) => one.name).join(" | ")}\nWORKLOAD: ${Object.keys(WORKLOADS).join(" | ")}`);
  process.exit(2);
}
const count = amountOf(workload, contender, 1);

// tarta's functions are named by where they are in web/src.
const dist = new URL("../../../web/dist/", import.meta.url);
const map = new SourceMap(JSON.parse(readFileSync(new URL("tarta.mjs.map", dist), "utf8")));
const sources = new Map();
function sourceOf(line, column) {
  const { originalSource, originalLine } = map.findEntry(line, column);
  if (originalSource === undefined) return undefined;
  if (!sources.has(originalSource)) sources.set(originalSource, readFileSync(fileURLToPath(new URL(originalSource, dist)), "utf8").split("\n"));
  return `${basename(originalSource)}:${originalLine + 1}  ${sources.get(originalSource)[originalLine].trim().slice(0, 70)}`;
}
function nameOf({ functionName, url, lineNumber, columnNumber }) {
  const known = url.endsWith("/tarta.mjs") && url.includes("/dist/") && sourceOf(lineNumber, columnNumber);
  return known || `${functionName || "(anonymous)"}  ${url && `${basename(url)}:${lineNumber + 1}:${columnNumber + 1}`}`;
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(1));
const server = await startServer();
const bench = await openBench(server.port);
try {
  await withClient(bench, contender, workload, count, async (page, run) => {
    await page.send("Profiler.enable");
    await page.send("Profiler.setSamplingInterval", { interval: INTERVAL });
    await page.send("Profiler.start");
    await run();
    const { profile } = await page.send("Profiler.stop");

    const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
    const times = new Map();
    profile.samples.forEach((id, index) => {
      const frame = frames.get(id);
      times.set(frame, (times.get(frame) ?? 0) + profile.timeDeltas[index]);
    });
    const each = (time) => `${((time * 1000) / count).toFixed(0).padStart(7)} ns`;
    const scripts = [...times].filter(([frame]) => !frame.startsWith("(")).reduce((sum, [, time]) => sum + time, 0);
    console.log(`${each(scripts)}  all functions, without (program), (idle) and (garbage collector)`);
    const most = [...times].sort(([, a], [, b]) => b - a).slice(0, SHOWN);
    for (const [frame, time] of most) console.log(`${each(time)}  ${frame}`);
  });
} finally {
  await bench.stop();
  server.stop();
}
