// Lines that break at any byte, in any way, while messages go both ways.
import assert from "node:assert/strict";
import { Client } from "tarta";
import { DurableBroker } from "../broker.mjs";
import { Findings } from "../judge.mjs";
import { Lines, STAGES } from "../lines.mjs";
import { drawPlan, Proxy } from "../proxy.mjs";
import { Random } from "../random.mjs";
import { storeOf, STORES } from "../stores.mjs";
import { HANDLERS, Traffic } from "../traffic.mjs";

const WHOLE = { cuts: 105, messages: 5100 }; // of a round; messages each way
const SHORT = { cuts: 25, messages: 1000 };
const SPAN = { small: 6200, large: 70_000 }; // bytes in one direction, in which most lines break

function drawSettings(random) {
  return {
    version: random.of([5, 4, "auto"]),
    store: random.of(STORES),
    large: random.chance(0.15), // payloads
    handlers: random.of(HANDLERS),
    windows: { out: 15 + random.below(80), in: 15 + random.below(80) },
    ackTimeout: random.chance(0.3) ? 60 + random.below(100) : null,
    ofClient: random.chance(0.5) ? 65_535 : 3 + random.below(60), // Receive Maximum
    ofServer: random.chance(0.5) ? 65_535 : 3 + random.below(60),
    topicAliasMaximum: random.below(3),
    leaving: random.of(["together", "single", "late", "torn"]),
  };
}

export async function round({ seed, signal, short }) {
  const random = new Random(seed);
  const settings = drawSettings(random);
  const { cuts, messages } = short ? SHORT : WHOLE;
  const lines = new Lines();
  const broker = await DurableBroker.start({
    random: new Random(seed + 1),
    leaving: settings.leaving,
    receiveMaximum: settings.ofServer,
    topicAliasMaximum: settings.topicAliasMaximum,
    watch: (path) => lines.watch(path),
  });
  let quiet = false;
  // Where lines break sooner than anything is done on them, they hold in the end.
  const plan = () => (quiet || proxy.cuts >= 2 * cuts ? undefined : drawPlan(random, settings.large ? SPAN.large : SPAN.small));
  const proxy = await Proxy.start(broker.port, plan, (request) => lines.ended(request));
  const store = storeOf(settings.store, new Random(seed + 3));
  const client = new Client(() => lines.url(proxy.port), {
    version: settings.version,
    WebSocket: lines.WebSocket,
    reconnect: { min: 1, max: 20, initial: true },
    connectTimeout: 500,
    ackTimeout: settings.ackTimeout,
    receiveMaximum: settings.version === 4 ? undefined : settings.ofClient,
    clean: settings.version === 5 ? undefined : false, // in 3.1.1 the flag of all its connections (3.1.1 §3.1.2.4)
    store,
  });
  const goOn = () => proxy.cuts < cuts;
  const traffic = new Traffic(client, broker, new Random(seed + 2), {
    windows: settings.windows, handlers: settings.handlers, large: settings.large, enqueues: store !== undefined, least: messages, goOn,
  });
  const findings = new Findings();
  try {
    client.connect().catch(() => {}); // told by its state
    await traffic.subscribe("in/#", signal);
    await traffic.run(signal, () => (quiet = true));
    await client.close();
  } catch (error) {
    signal.throwIfAborted();
    findings.add("broken off", error.message);
  } finally {
    traffic.stop();
    await proxy.stop();
    await client.close();
    await broker.stop();
  }
  const figures = traffic.judge(findings);
  findings.check(`seed ${seed}, ${JSON.stringify(settings)}`);
  delete figures["in doubt"]; // the broker has lost nothing
  return { cuts: proxy.cuts, ...figures, ...lines.count() };
}

export function check(figures) {
  assert.ok(figures.cuts >= 10_000, `${figures.cuts} cuts`);
  assert.ok(figures.messages >= 1_000_000, `${figures.messages} messages`);
  for (const stage of STAGES) assert.ok(figures[stage] >= 500, `${figures[stage]} cuts at ${stage}`);
}
