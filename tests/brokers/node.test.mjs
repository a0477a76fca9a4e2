// The list of cases in Node, with each broker.

import { after, before, describe, test } from "node:test";
import * as tarta from "tarta";
import { WebSocket } from "ws";
import { startAedes } from "./aedes.mjs";
import { plan } from "./cases.mjs";
import { startFaults } from "./faults.mjs";
import { runCase } from "./kit.mjs";
import { startMosquitto } from "./mosquitto.mjs";

const brokers = [
  { name: "Mosquitto", start: startMosquitto, offers: { versions: [5, 4, 3], guarded: true, slow: true } },
  { name: "Mosquitto behind a proxy", start: startProxied, offers: { versions: [5, 4] } },
  { name: "aedes", start: startAedes, offers: { versions: [4, 3] } },
  { name: "no broker", start: () => undefined, offers: { versions: [5, 4], alone: true } },
];

async function startProxied() {
  const broker = await startMosquitto();
  return { url: broker.front.url, stop: broker.stop };
}

for (const { name, start, offers } of brokers) {
  describe(name, { concurrency: 4 }, () => {
    let broker;
    let servers;
    before(async () => {
      [broker, servers] = await Promise.all([start(), startFaults()]);
    });
    after(() => Promise.all([broker?.stop(), servers?.stop()]));

    for (const { entry, version, title } of plan(offers)) {
      test(title, () => runCase(entry, version, { tarta, WebSocket, platform: "node", broker, faults: servers.urls }));
    }
  });
}
