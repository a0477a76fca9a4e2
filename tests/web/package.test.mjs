// The package as it is built: what it exports, what it does when it is imported (nothing), and its size.
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import * as tarta from "tarta";
import * as node from "tarta/node";
import * as slim from "tarta/slim";
import { FakeBroker } from "./fake-broker.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const dist = (name) => readFileSync(`${root}/web/dist/${name}`);

test("exports", () => {
  assert.deepEqual(Object.keys(tarta).sort(),
    ["Client", "Message", "MqttError", "Subscription", "connect", "indexedDBStore", "memoryStore", "repairStore"]);
  assert.deepEqual(Object.keys(slim).sort(), Object.keys(tarta).sort());
  assert.deepEqual(Object.keys(node), ["fileStore"]);
});

// In a process where each of these throws, as during server-side rendering or in an engine without them.
const FORBIDDEN = `
  const forbid = (name) => () => { throw new Error(name + " at import time"); };
  for (const name of ["setTimeout", "setInterval", "queueMicrotask", "fetch", "atob", "crypto", "performance", "MessageChannel", "WebSocket", "addEventListener", "document", "navigator"])
    Object.defineProperty(globalThis, name, { get: forbid(name), configurable: true });
  for (const name of ["Module", "Instance", "Memory", "compile", "instantiate"]) WebAssembly[name] = forbid("WebAssembly." + name);
  const before = Object.getOwnPropertyNames(globalThis).length;
`;
for (const file of ["tarta.mjs", "slim.mjs", "tarta.node.mjs", "slim.node.mjs", "node.mjs"]) {
  test(`importing ${file} does nothing`, () => {
    const code = `${FORBIDDEN}
      const module = await import(${JSON.stringify(`${root}/web/dist/${file}`)});
      if (Object.getOwnPropertyNames(globalThis).length !== before) throw new Error("a new global");
      console.log(typeof (module.connect ?? module.fileStore));`;
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

test("the types serve a strict program with the usual settings", () => {
  const folder = mkdtempSync(join(tmpdir(), "tarta-types-"));
  try {
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(fileURLToPath(new URL("../../web", import.meta.url)), join(folder, "node_modules/tarta"));
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
    writeFileSync(join(folder, "use.ts"), `
      import { connect, memoryStore, MqttError, repairStore, type Message, type OpenStore, type Store } from "tarta";
      import { fileStore } from "tarta/node";
      const client = await connect("ws://host", { will: { topic: "t" } });
      const subscription = await client.subscribe("a", (message: Message) => void message.text());
      const codes: readonly number[] = subscription.granted;
      class Custom implements Store {
        async open(): Promise<OpenStore> {
          return { async *read() { yield [1, new Uint8Array(1)]; }, async write(changes) { for (const [key, value] of changes) console.log(key, value?.length); }, async close() {} };
        }
      }
      for (const store of [memoryStore(), fileStore("folder"), new Custom()]) console.log((await repairStore(store)).damaged[0]?.kind);
      for await (const { topic } of client.messages("b")) console.log(topic, codes, MqttError.name);
    `);
    execFileSync(join(root, "node_modules/.bin/tsc"), ["--module", "nodenext", "--target", "es2022", "--strict", "--noEmit", "use.ts"], { cwd: folder });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("its archive has the README and the licence of the project", () => {
  const [{ files }] = JSON.parse(execFileSync("npm", ["pack", "-w", "web", "--dry-run", "--json"], { cwd: root, stdio: ["ignore", "pipe", "ignore"] }));
  for (const path of ["README.md", "LICENSE"]) {
    assert.equal(files.find((file) => file.path === path)?.size, readFileSync(join(root, path)).length, path);
    assert.equal(existsSync(join(root, "web", path)), false, "what was copied is gone");
  }
});

test("an error that nobody catches shows its line, not the whole bundle", async () => {
  const script = 'import { connect } from "tarta"; await connect("ws://127.0.0.1:1", { reconnect: false });';
  const error = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], { cwd: new URL(".", import.meta.url) }).catch((one) => one);
  assert.match(error.stderr, /MqttError: open: network error/);
  assert.ok(error.stderr.length < 5_000, `${error.stderr.length} characters`);
});
