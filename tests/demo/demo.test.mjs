// The demo as a person sees it: started, looked at in Chromium, stopped with Ctrl-C.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { connect } from "tarta";
import { guard } from "../brokers/guard.mjs";
import { freePort, startMosquitto } from "../brokers/mosquitto.mjs";
import { launchChromium } from "../browser/chromium.mjs";

const SERVER = fileURLToPath(new URL("../../web/demo/server.mjs", import.meta.url));
const STARTED = /Open {2}(http\S+)/;

/** Starts the demo; `address` resolves when it has printed where to look. */
function startDemo(...args) {
  const child = spawn(process.execPath, [SERVER, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const release = guard(child.pid);
  const demo = {
    output: "",
    ended: new Promise((resolve) => child.once("close", resolve)).finally(release),
    address: new Promise((resolve, reject) => {
      const hear = (text) => {
        demo.output += text;
        const [, address] = STARTED.exec(demo.output) ?? [];
        if (address) resolve(address);
      };
      child.stdout.setEncoding("utf8").on("data", hear);
      child.stderr.setEncoding("utf8").on("data", hear);
      child.once("close", (code) => reject(new Error(`the demo ended with exit code ${code}:\n${demo.output}`)));
    }),
    /** Resolves to the exit code and the time that it took. */
    async stop(signal = "SIGINT") {
      const begun = performance.now();
      child.kill(signal);
      return { code: await demo.ended, took: performance.now() - begun };
    },
  };
  demo.address.catch(() => {});
  return demo;
}

let browser;
let mosquitto;
before(async () => {
  [browser, mosquitto] = await Promise.all([launchChromium(), startMosquitto()]);
});
after(() => Promise.all([browser?.close(), mosquitto?.stop()]));

async function look(address) {
  const page = await browser.newPage();
  page.setDefaultTimeout(10_000);
  page.problems = [];
  page.on("pageerror", (error) => page.problems.push(error.message));
  await page.goto(address);
  return page;
}

const tile = (sensor, status) => `[data-sensor="${sensor}"]${status ? `[data-status="${status}"]` : ""}`;
const says = (page, selector, text) =>
  page.waitForFunction(([where, what]) => document.querySelector(where).textContent.includes(what), [selector, text]);

describe("the demo with its own broker", () => {
  let demo;
  let page;
  before(async () => {
    demo = startDemo("--port", String(await freePort()));
    page = await look(await demo.address);
  });
  after(() => demo?.stop("SIGKILL"));

  test("shows twelve sensors, live", async () => {
    await says(page, "#state-text", "Connected to ws://localhost:");
    await page.waitForFunction(() => document.querySelectorAll('.tile[data-status="on"]').length === 12);
    await page.waitForFunction(() => [...document.querySelectorAll(".tile b")].every((value) => value.textContent !== "–"));
    await page.waitForFunction(() => Number(document.querySelector("#rate-in").textContent) > 3);
  });

  test("publishes at each QoS, and hears it", async () => {
    for (const qos of ["0", "1", "2"]) {
      await page.selectOption("[name=qos]", qos);
      await page.fill("[name=payload]", `smörgåstårta ${qos}`);
      await page.click("#publish button");
      await says(page, "#published", "demo/hello: ");
      await says(page, "#log", `smörgåstårta ${qos}`);
    }
  });

  test("tells a mistake in the topic", async () => {
    await page.fill("[name=topic]", "no/#/topic");
    await page.click("#publish button");
    await page.waitForSelector("#published[data-error]");
  });

  test("switches a sensor off and on", async () => {
    const sensor = "kitchen/temperature";
    await page.click(`${tile(sensor)} .power`);
    await page.waitForSelector(`${tile(sensor, "off")} .power[aria-checked="false"]`);
    await page.click(`${tile(sensor)} .power`);
    await page.waitForSelector(`${tile(sensor, "on")} .power[aria-checked="true"]`);
  });

  test("cuts a sensor's line: its will comes, and then it", async () => {
    await page.click(`${tile("roof/power")} .cut`);
    await says(page, "#log", "lost"); // the tile may show it for a moment only
    await page.waitForSelector(tile("roof/power", "on"));
  });

  test("says when it is disconnected, and comes back", async () => {
    await page.click("#connection");
    await says(page, "#state-text", "Disconnected.");
    await page.click("#connection");
    await says(page, "#state-text", "Connected to");
    await page.waitForFunction(() => Number(document.querySelector("#total-in").textContent) > 20); // counted anew
  });

  test("ends with Ctrl-C, with exit code 0; the page says that the line is lost", async () => {
    const { code, took } = await demo.stop();
    assert.equal(code, 0);
    assert.ok(took < 2_000, `it took ${took} ms`);
    await says(page, "#state-text", "Not connected.");
    assert.deepEqual(page.problems, []);
  });
});

test("the demo with another broker speaks 5.0 there, and leaves nothing behind", async () => {
  const demo = startDemo("--port", String(await freePort()), "--broker", mosquitto.url);
  try {
    const page = await look(await demo.address);
    await says(page, "#state-text", `Connected to ${mosquitto.url}/, MQTT 5.0`);
    await page.waitForFunction(() => document.querySelectorAll('.tile[data-status="on"]').length === 12);
    assert.deepEqual(page.problems, []);
    assert.equal((await demo.stop("SIGTERM")).code, 0);

    const client = await connect(mosquitto.url);
    const left = [];
    await client.subscribe(["tarta-demo/#", "marker"], { qos: 1 }, (message) => left.push(message.topic));
    await client.publish("marker", "", { qos: 1 });
    while (!left.includes("marker")) await new Promise((resolve) => setTimeout(resolve, 20));
    await client.close();
    assert.deepEqual(left, ["marker"]);
  } finally {
    await demo.stop("SIGKILL");
  }
});

test("a broker that is not there ends the demo with a clear word", async () => {
  const broker = `ws://127.0.0.1:${await freePort()}`;
  const demo = startDemo("--port", String(await freePort()), "--broker", broker);
  assert.equal(await demo.ended, 1);
  assert.match(demo.output, new RegExp(`The broker at ${broker}/ cannot be used: .*refused`, "i"));
});

test("where the port is taken another one serves, and it says so", async () => {
  const port = String(await freePort());
  const first = startDemo("--port", port);
  try {
    await first.address;
    const second = startDemo("--port", port);
    const address = await second.address;
    assert.notEqual(new URL(address).port, port);
    assert.match(second.output, new RegExp(`Port ${port} is taken`));
    assert.equal((await second.stop()).code, 0);
  } finally {
    await first.stop();
  }
});
