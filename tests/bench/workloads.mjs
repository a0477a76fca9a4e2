// What is measured: the same for every client and for the server, which know it by name.

/** What each message carries, unless a workload says otherwise. */
const USUAL = { qos: 0, payload: 64, topics: 100, joined: 0, apart: false, filters: "#", kind: "receive" };

/**
 * CPU per message. `joined`: bytes of a WebSocket message, 0 for one packet in each. `apart`: each WebSocket message is a
 * write of its own. `filters`: "#", one subscription; "exact" or "plus", one for each topic. `count`: messages; `slow`: of
 * these, how many for clients that would take minutes. `times`: how many times less CPU than MQTT.js is asked for.
 */
const rows = {
  "receive-0": { label: "receive QoS 0, one packet per WebSocket message", count: 600_000, times: 5 },
  "receive-0-apart": { label: "the same, each written by itself", apart: true, count: 300_000 },
  "receive-0-joined": { label: "receive QoS 0, 16 KB WebSocket messages", joined: 16_384, count: 1_000_000, times: 8 },
  "receive-0-small": { label: "receive 16 B JSON, 16 KB WebSocket messages", payload: 16, joined: 16_384, count: 1_000_000, times: 13 },
  "receive-0-large": { label: "receive 4 KB, one packet per WebSocket message", payload: 4_096, count: 100_000, times: 1.9 },
  "filters-exact": { label: "1,000 exact filters, a handler each", topics: 1_000, filters: "exact", count: 600_000, slow: { u8: 0.03 }, times: 4.5 },
  "filters-plus": { label: "1,000 + filters, a handler each", topics: 1_000, filters: "plus", count: 600_000, slow: { mqttjs: 0.03, paho: 0.03, u8: 0.03 }, times: 120 },
  "receive-1": { label: "receive QoS 1", qos: 1, count: 200_000, times: 18 },
  "receive-2": { label: "receive QoS 2", qos: 2, count: 120_000, times: 18 },
  "publish-0": { label: "publish QoS 0", kind: "publish", count: 200_000, times: 50 },
  "publish-1": { label: "publish QoS 1", kind: "publish", qos: 1, count: 120_000, times: 28 },
  "publish-2": { label: "publish QoS 2", kind: "publish", qos: 2, count: 60_000, times: 28 },
  "fresh-topics": { label: "receive QoS 0, every message on a topic never seen before", topics: Infinity, count: 200_000 },
};

/** What grows with what is kept; in 16 KB WebSocket messages, so that the WebSocket's own cost is small. */
const growing = { joined: 16_384, count: 400_000 };
const SUBSCRIPTIONS = [1, 1_000, 10_000, 100_000];
const TOPICS = [1, 1_000, 10_000, 100_000, 1_000_000];
export const growth = {
  subscriptions: SUBSCRIPTIONS.map((subscriptions) => `subscriptions-${subscriptions}`),
  topics: TOPICS.map((topics) => `topics-${topics}`),
};

const others = {
  memory: { count: 800_000 }, // a million, with those that come before
  echo: { kind: "echo" },
  hold: { kind: "hold", qos: 1, topics: 100 },
  ...Object.fromEntries(SUBSCRIPTIONS.map((subscriptions) =>
    [`subscriptions-${subscriptions}`, { ...growing, filters: "exact", subscriptions, topics: Math.min(subscriptions, 100) }])),
  // Each topic comes once before what is measured, from a quarter of the messages on.
  ...Object.fromEntries(TOPICS.map((topics) => [`topics-${topics}`, { ...growing, topics, warm: topics }])),
};

const whole = (table) => Object.fromEntries(Object.entries(table).map(([name, row]) => [name, { name, ...USUAL, ...row }]));

/** The workloads of the table of messages. */
export const messages = whole(rows);
export const workloads = { ...messages, ...whole(others) };

/** The server's messages come in batches of so many. */
export const batchOf = ({ joined }) => (joined > 0 ? 5_000 : 500);

/** For clients that are slow in all workloads, so much of the messages. */
const SLOW = { paho: 0.4, u8: 0.2 };

/** How many messages of a workload are measured, and how many come before: code is compiled, tables have grown. */
export function amounts(workload, client, scale) {
  const batch = batchOf(workload);
  const rounded = (number) => Math.max(1, Math.round(number / batch)) * batch;
  const count = rounded(workload.count * (workload.slow?.[client] ?? SLOW[client] ?? 1) * scale);
  return { count, warm: rounded(Math.max(count / 4, (workload.warm ?? 0) * Math.min(1, 4 * scale))) };
}

/** The topic of a message; with "plus" there is a level below it for each message to choose. */
export const topicOf = ({ filters, topics }, number) =>
  `plant/line-${topics === Infinity ? number : number % topics}/${filters === "plus" ? `sensor-${number % 7}` : "state"}`;

/** The filters, each for a handler of its own. */
export const filtersOf = ({ filters, topics, subscriptions = topics }) =>
  filters === "#" ? ["#"] : Array.from({ length: subscriptions }, (_, number) => `plant/line-${number}/${filters === "plus" ? "+" : "state"}`);

/** The payload of a message; its last byte differs from message to message. */
export function payloadOf({ payload }, number) {
  const bytes = Buffer.alloc(payload, `{"v":${number % 1000}}`);
  bytes[payload - 1] = number & 255;
  return bytes;
}

/** What handlers make of a message, so that none can leave it out: topic, length and last byte. */
export const sumOf = (topic, payload) => topic.length * 31 + payload.length + payload[payload.length - 1];
export const add = (sum, one) => (sum + one) >>> 0;
