// The benchmark in small: that it runs, not how fast anything is.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { probe, startServer } from "./children.mjs";
import { clients } from "./clients/list.mjs";

const program = fileURLToPath(new URL("run.mjs", import.meta.url));
const SMALL = ["--rounds", "1", "--scale", "0.004"];

/** Runs it in a process group of its own; resolves with how it ended. */
function start(...args) {
  const child = spawn(process.execPath, [program, ...SMALL, ...args], { detached: true, stdio: ["ignore", "pipe", "pipe"] });
  const said = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"]) child[stream].on("data", (data) => (said[stream] += data));
  return { child, ended: once(child, "close").then(([code, signal]) => ({ code, signal, ...said })) };
}

/** What it has written about a few messages. */
async function figures(t, ...args) {
  const folder = mkdtempSync(join(tmpdir(), "bench-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "figures.json");
  const { code, stdout, stderr } = await start(...args, "--json", file).ended;
  assert.equal(code, 0, stderr);
  return { stdout, results: JSON.parse(readFileSync(file, "utf8")).results };
}

test("all clients take part, but those that cannot", async (t) => {
  const { stdout, results } = await figures(t, "receive-0", "publish-2");
  assert.deepEqual(Object.keys(results), ["messages"]);
  const taking = results.messages.map(({ name, figures }) => [name, Object.keys(figures).join()]);
  assert.deepEqual(taking, [["receive-0", Object.keys(clients).join()], ["publish-2", "reference,tarta,mqttjs,paho"]]);
  assert.match(stdout, /^\| receive QoS 0, one packet per WebSocket message \|.* ≥ 5× [✓✗] \|$/m);
});

test("each section comes to figures", async (t) => {
  const workloads = ["receive-0-joined", "filters-plus", "receive-1", "publish-0"];
  const sections = ["codec", "latency", "memory", "held", "growth", "size", "load"];
  const { results } = await figures(t, ...workloads, ...sections, "--clients", "bare,tarta,mqttjs");
  assert.deepEqual(Object.keys(results), ["messages", ...sections]);
  for (const [section, rows] of Object.entries(results)) {
    assert.ok(rows.length > 1, section);
    for (const { name, figures } of rows) {
      assert.ok(Object.keys(figures).length > 0, `${section}, ${name}`);
      for (const [of, figure] of Object.entries(figures)) {
        // So few publishes may find room in the memory that is there already.
        assert.ok(figure > 0 || section === "held", `${section}, ${name}, ${of}: ${figure}`);
      }
    }
  }
});

test("a client that leaves messages out gets no figure", async (t) => {
  const stop = new AbortController();
  t.after(() => stop.abort());
  const { port } = await startServer(stop.signal);
  const { signal } = stop;
  await probe("messages", ["reference", "receive-0", port, 500, 500], { signal });
  await assert.rejects(probe("messages", ["../forgetful", "receive-0", port, 500, 500], { signal }), /the checksum is not that of the server/);
});

test("Ctrl-C ends all that it has started", async () => {
  const { child, ended } = start("receive-0");
  await once(child.stderr, "data");
  child.kill("SIGINT");
  const { code, stderr } = await ended;
  assert.equal(code, 130);
  assert.doesNotMatch(stderr, /Error/);
  // The last of its group has ended, too.
  assert.throws(() => process.kill(-child.pid, 0), { code: "ESRCH" });
});

test("mistakes in its arguments are refused", async () => {
  for (const args of [["receive-9"], ["size", "--clients", "tarta,nobody"], ["--rounds", "none"], ["--nothing"]]) {
    const { code, stdout, stderr } = await start(...args).ended;
    assert.equal(code, 2);
    assert.equal(stdout, "");
    assert.match(stderr, /^(There is no .*(receive-9|nobody)|--rounds takes|Unknown option '--nothing')/);
  }
});
