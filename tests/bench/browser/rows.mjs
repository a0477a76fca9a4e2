// What is measured in Chromium, and what is asked of tarta there.

/**
 * Who takes part: a client of ../clients/list.mjs on the page, or with `worker` in a Worker; MQTT.js, Paho and u8-mqtt have
 * no such form. "idle" is a page to which nothing is sent.
 */
export const CONTENDERS = [
  { name: "idle", client: "bare", label: "no messages" },
  { name: "bare", client: "bare" },
  { name: "bare, Worker", client: "bare", worker: true },
  { name: "reference", client: "reference" },
  { name: "reference, Worker", client: "reference", worker: true },
  { name: "tarta", client: "tarta" },
  { name: "tarta, Worker", client: "tarta", worker: true },
  { name: "mqttjs", client: "mqttjs" },
  { name: "paho", client: "paho" },
  { name: "u8", client: "u8" },
];

/**
 * Workloads of ../workloads.mjs; `count`: messages here; `slow`: those of clients that take minutes. `page`, `worker`: how
 * many times less CPU of the main thread than MQTT.js is asked for, in that form.
 */
export const WORKLOADS = {
  "receive-0": { count: 80_000, worker: 18 },
  "receive-0-joined": { count: 400_000, page: 16 },
  "filters-plus": { count: 80_000, slow: { mqttjs: 10_000, paho: 10_000, u8: 10_000 }, worker: 40 },
  "receive-1": { count: 60_000, worker: 11 },
  "receive-2": { count: 40_000, slow: { paho: 20_000 }, worker: 30 },
  "publish-0": { count: 120_000, worker: 7 },
  "publish-1": { count: 80_000, slow: { paho: 20_000, u8: 20_000 }, worker: 22 },
};

const STREAMS = ["reference, Worker", "tarta", "tarta, Worker", "mqttjs"];

/** Scripts on the page above those of the bare WebSocket, µs per message of `workload`. */
export const SCRIPT = { workload: "receive-0", names: ["bare", "reference", "tarta", "mqttjs"], page: 0.5 };

/** Time from the server to the handler at so many messages a second: its 99th percentile, ms. */
export const DELAY = { rate: 5_000, seconds: 4, names: STREAMS, worker: 10 };

/**
 * So many messages a second while another process keeps all cores busy: the 99th percentile of the gaps between animation
 * frames, ms; CPU time of the main thread, s.
 */
export const FRAMES = { rate: 20_000, seconds: 5, names: ["idle", "bare", ...STREAMS], gap: { page: 25, worker: 20 }, main: { worker: 0.3 } };

/** From before a script is evaluated until its library can be used, ms. */
export const START = { scripts: { tarta: "/dist/tarta.js", mqttjs: "/mqttjs.min.js", paho: "/paho.min.js", u8: "/u8.min.js" }, page: 7 };
