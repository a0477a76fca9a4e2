// The benchmark in Chromium in small: that it runs, not how fast anything is.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { startServer } from "../children.mjs";
import { measureStream, measureWorkload, openBench, withPage } from "./measure.mjs";
import { CONTENDERS, WORKLOADS } from "./rows.mjs";

const program = fileURLToPath(new URL("../run.mjs", import.meta.url));

describe("one figure at a time", () => {
  const stop = new AbortController();
  let bench;
  before(async () => {
    const { port } = await startServer(stop.signal);
    bench = await openBench(port);
  });
  after(async () => {
    await bench?.stop();
    stop.abort();
  });

  for (const one of CONTENDERS.filter(({ name }) => name !== "idle")) {
    const workload = one.client === "bare" ? "receive-0" : "receive-1";
    test(`${one.name} in ${workload}`, async () => {
      const { main, script, renderer } = await measureWorkload(bench, one, workload, 500);
      assert.ok(main > 0 && script > 0 && renderer >= 0, JSON.stringify({ main, script, renderer }));
    });
  }

  test("a client that leaves a message out gets no figure", () =>
    withPage(bench, "reference", async (page) => {
      await page.evaluate(`void Object.defineProperty(WebSocket.prototype, "onmessage", {
        set(listener) {
          let count = 0;
          this.addEventListener("message", (event) => ++count === 100 || listener(event));
        },
      })`);
      await page.evaluate(`prepare("${bench.server}/receive-0/1000", "receive-0", {})`);
      assert.equal(await page.evaluate("run(500)"), false);
      assert.equal(await page.evaluate("run(500)"), true);
    }));

  test("a page to which nothing is sent shows its frames", async () => {
    const { gap, share } = await measureStream(bench, CONTENDERS.find(({ name }) => name === "idle"), { rate: 1_000, seconds: 0.5 }, false);
    assert.ok(gap > 10 && gap < 500, `${gap} ms`);
    assert.equal(share, 1);
  });
});

describe("the whole", { concurrency: true }, () => {
  const start = (folder, ...args) =>
    spawn(process.execPath, [program, "chromium", "--rounds", "1", "--scale", "0.004", ...args], {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, TMPDIR: folder },
    });
  const inFolder = (action) => async () => {
    const folder = mkdtempSync(join(tmpdir(), "chromium-bench-"));
    try {
      await action(folder);
    } finally {
      rmSync(folder, { recursive: true });
    }
  };

  test("each row comes to figures", inFolder(async (folder) => {
    const file = join(folder, "figures.json");
    const child = start(folder, "--clients", "tarta", "--json", file);
    let said = "";
    child.stderr.on("data", (data) => (said += data));
    const [code] = await once(child, "close");
    assert.equal(code, 0, said);
    const { chromium } = JSON.parse(readFileSync(file, "utf8")).results;
    const named = Object.fromEntries(chromium.map((row) => [row.name, row.figures]));
    for (const name of Object.keys(WORKLOADS)) assert.deepEqual(Object.keys(named[`${name}-process`]), ["tarta", "tarta, Worker"], name);
    for (const name of ["delay-median", "delay", "frames", "frames-main", "frames-share"]) {
      assert.ok(named[name].tarta > 0 && named[name]["tarta, Worker"] > 0, name);
    }
    assert.ok(named.start.tarta > 0);
    assert.deepEqual(readdirSync(folder), ["figures.json"], "what it leaves behind");
  }));

  test("Ctrl-C ends Chromium, and its profile is removed", inFolder(async (folder) => {
    const child = start(folder, "--clients", "bare");
    let said = "";
    child.stderr.on("data", (data) => (said += data));
    while (!said.includes("receive-0")) await once(child.stderr, "data");
    assert.notDeepEqual(readdirSync(folder), []);
    child.kill("SIGINT");
    const [code] = await once(child, "close");
    assert.equal(code, 130, said);
    assert.deepEqual(readdirSync(folder), []);
    const running = () => execFileSync("ps", ["-eo", "args"], { encoding: "utf8" }).includes(folder);
    for (let attempt = 0; attempt < 20 && running(); attempt++) await new Promise((resolve) => setTimeout(resolve, 100));
    assert.ok(!running(), "a Chromium runs");
  }));
});
