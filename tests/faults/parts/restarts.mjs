// A broker that stops in the midst of traffic and comes back at the same port, with the sessions or without.
//
// With them nothing is lost and nothing comes twice at QoS 2. Without them messages at QoS 1 are published again, those at QoS 2
// that may have arrived reject with SESSION_LOST and count as in doubt (option `onSessionLost`), and each subscription is made
// again, once.
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { Client } from "tarta";
import { DurableBroker } from "../broker.mjs";
import { Findings } from "../judge.mjs";
import { Random } from "../random.mjs";
import { storeOf, STORES } from "../stores.mjs";
import { HANDLERS, Traffic } from "../traffic.mjs";

const WHOLE = { restarts: 10, wiped: 4, messages: 4000 }; // of a round; messages each way
const SHORT = { restarts: 5, wiped: 2, messages: 500 };
const FILTERS = ["in/0", "in/+", "in/2/#"];

function drawSettings(random) {
  return {
    version: random.of([5, 4]),
    store: random.of(STORES),
    handlers: random.of(HANDLERS),
    windows: { out: 15 + random.below(80), in: 15 + random.below(80) },
    receiveMaximum: random.chance(0.5) ? 65_535 : 3 + random.below(60),
    topicAliasMaximum: random.below(3),
    leaving: random.of(["together", "single", "late", "torn"]),
  };
}

/** Which restarts wipe the sessions, at random. */
function drawWipes(random, { restarts, wiped }) {
  const wipes = new Array(restarts).fill(false);
  for (let left = wiped; left > 0; ) {
    const index = random.below(restarts);
    if (wipes[index]) continue;
    wipes[index] = true;
    left--;
  }
  return wipes;
}

/** Stops the broker when it has dealt with some more packets: between two of one chunk, as it may be. */
function stopAfter(broker, packets, keepSessions, signal) {
  return new Promise((resolve, reject) => {
    const abort = () => finish(() => reject(signal.reason));
    const finish = (settle) => {
      broker.onpacket = undefined;
      signal.removeEventListener("abort", abort);
      settle();
    };
    signal.addEventListener("abort", abort);
    broker.onpacket = () => --packets <= 0 && finish(() => resolve(broker.stop({ keepSessions })));
  });
}

/**
 * A connection whose session is new must ask for all that the client has subscribed to, before it publishes, and once. One whose
 * session is old may ask again for what SUBACK has not come for, once. `left`: the filters that the broker has at the end.
 */
function judgeSubscriptions(findings, connections, left) {
  for (const [index, { present, published, subscribed }] of connections.entries()) {
    for (const filter of new Set([...FILTERS, ...subscribed])) {
      const count = subscribed.filter((one) => one === filter).length;
      const wanted = FILTERS.includes(filter) || index === 0; // what was unsubscribed from was asked for there
      const missing = present === false && published > 0 && count === 0;
      if (count > 1 || (!wanted && count > 0) || missing) {
        findings.add("subscriptions", `"${filter}" ${count} times on connection ${index}, with a session that is ${present ? "old" : "new"}`);
      }
    }
  }
  if (left.toSorted().join() !== FILTERS.toSorted().join()) findings.add("subscriptions", `at the end: ${left.join(", ")}`);
}

export async function round({ seed, signal, short }) {
  const random = new Random(seed);
  const settings = drawSettings(random);
  const plan = short ? SHORT : WHOLE;
  const wipes = drawWipes(random, plan);
  let done = 0;
  let wiped = 0;
  let left = [];
  const broker = await DurableBroker.start({ ...settings, random: new Random(seed + 1) });
  const store = storeOf(settings.store, new Random(seed + 3));
  const client = new Client(broker.url, {
    version: settings.version,
    reconnect: { min: 1, max: 20 },
    clean: settings.version === 5 ? undefined : false, // in 3.1.1 the flag of all its connections (3.1.1 §3.1.2.4)
    store,
  });
  const traffic = new Traffic(client, broker, new Random(seed + 2), {
    windows: settings.windows, handlers: settings.handlers, enqueues: store !== undefined, least: plan.messages,
    goOn: () => done < plan.restarts,
    mayLose: true,
  });
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const restart = async () => {
    for (const wipe of wipes) {
      await stopAfter(broker, 1 + random.below(300), !wipe, either);
      await pause(random.below(30), undefined, { signal: either });
      await broker.restart();
      done++;
      if (wipe) wiped++;
    }
  };
  const findings = new Findings();
  let restarting;
  try {
    await client.connect();
    const [gone] = await Promise.all([client.subscribe("in/1/+"), traffic.subscribe(FILTERS, signal)]);
    await gone.unsubscribe();
    restarting = restart();
    await Promise.all([traffic.run(signal), restarting]);
    left = broker.subscriptionsOf(client.clientId);
  } catch (error) {
    signal.throwIfAborted();
    findings.add("broken off", error.message);
  } finally {
    over.abort();
    await restarting?.catch(() => {}); // it is told above
    traffic.stop();
    await client.close();
    await broker.stop();
  }
  const figures = traffic.judge(findings);
  judgeSubscriptions(findings, broker.connections, left);
  findings.check(`seed ${seed}, ${JSON.stringify({ ...settings, wipes })}`);
  return { restarts: done, wiped, ...figures };
}

export function check(figures) {
  assert.ok(figures.restarts >= 500, `${figures.restarts} restarts`);
  assert.ok(figures.wiped >= 200, `${figures.wiped} with the sessions wiped`);
}
