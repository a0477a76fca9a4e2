// The package as it is built: what it exports, what it does when it is imported (nothing), and its size.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import * as tarta from "tarta";
import * as slim from "tarta/slim";
import { FakeBroker } from "./fake-broker.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const dist = (name) => readFileSync(`${root}/web/dist/${name}`);

test("exports", () => {
  assert.deepEqual(Object.keys(tarta).sort(), ["Client", "Message", "MqttError", "Subscription", "connect"]);
  assert.deepEqual(Object.keys(slim).sort(), Object.keys(tarta).sort());
});

// In a process where each of these throws, as during server-side rendering or in an engine without them.
const FORBIDDEN = `
  const forbid = (name) => () => { throw new Error(name + " at import time"); };
  for (const name of ["setTimeout", "setInterval", "queueMicrotask", "fetch", "atob", "crypto", "performance", "MessageChannel", "WebSocket", "addEventListener", "document", "navigator"])
    Object.defineProperty(globalThis, name, { get: forbid(name), configurable: true });
  for (const name of ["Module", "Instance", "Memory", "compile", "instantiate"]) WebAssembly[name] = forbid("WebAssembly." + name);
  const before = Object.getOwnPropertyNames(globalThis).length;
`;
for (const file of ["tarta.mjs", "slim.mjs", "tarta.node.mjs", "slim.node.mjs"]) {
  test(`importing ${file} does nothing`, () => {
    const code = `${FORBIDDEN}
      const module = await import(${JSON.stringify(`${root}/web/dist/${file}`)});
      if (Object.getOwnPropertyNames(globalThis).length !== before) throw new Error("a new global");
      console.log(typeof module.connect);`;
    assert.equal(execFileSync(process.execPath, ["--input-type=module", "-e", code], { encoding: "utf8" }), "function\n");
  });
}

test("what a browser loads has no import", () => {
  for (const file of ["tarta.mjs", "slim.mjs"]) {
    const text = dist(file).toString();
    assert.doesNotMatch(text, /\bimport\s*[("'{*]|\brequire\(|node:|\bfrom\s*"/);
  }
});

test("the classic script gives a global", () => {
  const context = Function(`${dist("tarta.js")}; return tarta;`)();
  assert.deepEqual(Object.keys(context).sort(), Object.keys(tarta).sort());
  assert.match(dist("tarta.js").toString("latin1"), /^[\x00-\x7f]*$/, "ASCII alone");
});

test("slim takes the module as WebAssembly.Module and as Response", async (t) => {
  const broker = await FakeBroker.start();
  t.after(() => broker.stop());
  const bytes = dist("core.wasm");
  for (const wasm of [new WebAssembly.Module(bytes), new Response(bytes), Promise.resolve(new Response(bytes))]) {
    const client = new slim.Client(broker.url, { version: 5, reconnect: false, wasm });
    const published = client.publish("a", "b"); // before the module is there
    const connecting = client.connect();
    await broker.online();
    await connecting;
    await published;
    await client.close();
  }
  await assert.rejects(slim.connect(broker.url, { wasm: new Response("", { status: 404 }) }), { code: "UNSUPPORTED", message: /404/ });
});
