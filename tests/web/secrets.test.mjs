// Passwords, tokens, signed URLs and authentication data are in no log, error, event or store, whatever goes wrong.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { inspect } from "node:util";
import { Client } from "tarta";
import { fileStore } from "tarta/node";
import { AUTH, connack, CONNECT, DISCONNECT, hex, packet, PUBLISH } from "./fake-broker.mjs";
import { startBroker, until } from "./kit.mjs";

const CANARY = "canary-7f3a";
const bytes = (text) => new TextEncoder().encode(text);

/** The address, with a user, a password, a path and a signature. */
const signed = (url, path = "/mqtt") => `${url.replace("://", `://user-${CANARY}:${CANARY}@`)}${path}?X-Amz-Signature=${CANARY}&token=${CANARY}`;

/** Whatever is told while a client with secrets lives: its log, states, events and errors, and what goes to the console. */
function listen(t, url, options = {}) {
  const told = [];
  for (const stream of [process.stdout, process.stderr]) {
    const { write } = stream;
    stream.write = (chunk, ...rest) => (String(chunk).includes(CANARY) && told.push(`written: ${chunk}`), write.call(stream, chunk, ...rest));
    t.after(() => (stream.write = write));
  }
  const warn = (warning) => told.push(warning);
  process.on("warning", warn);
  t.after(() => process.off("warning", warn));
  const client = new Client(url, {
    version: 5,
    reconnect: false,
    credentials: { username: `name-${CANARY}`, password: bytes(CANARY) },
    log: (record) => told.push(record),
    ...options,
  });
  t.after(() => client.close());
  for (const type of ["state", "error", "settled", "message", "packet"]) client.addEventListener(type, ({ detail }) => told.push([type, detail]));
  const note = (promise) => promise.then((value) => told.push(value), (error) => told.push(error));
  return { client, told, note };
}

/** Everything that can be seen of a value: as developers print it, as loggers write it, with causes and stacks. */
function seen(value) {
  const plain = JSON.stringify(value, (_, one) => {
    if (one instanceof Uint8Array) return Buffer.from(one).toString("latin1");
    return one instanceof Error ? { ...one, message: one.message, stack: one.stack, cause: one.cause } : one;
  });
  return `${inspect(value, { depth: 20, showHidden: true, maxStringLength: null, maxArrayLength: null })}\n${plain}`;
}

function silent(told, ...others) {
  const text = seen([told, ...others]);
  assert.ok(told.length > 0, "something was told");
  const at = text.indexOf(CANARY);
  assert.equal(at, -1, `told: ${text.slice(Math.max(at - 200, 0), at + 200)}`);
}

// Statements: classes 22
test("a refusal, with the server's words", async (t) => {
  const broker = await startBroker(t);
  const { client, told, note } = listen(t, signed(broker.url));
  const connecting = note(client.connect());
  const peer = await broker.accept();
  const { body } = await peer.expect(CONNECT);
  assert.ok(body.includes(CANARY), "the server is told");
  peer.send(connack({ reason: 0x86, properties: hex("1f 0002 6e6f") }));
  await connecting;
  silent(told, client);
});

// Statements: classes 22
test("no server, and one that is none", async (t) => {
  const server = createServer((request, response) => response.writeHead(401, { "X-Was": request.url }).end(request.url));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  for (const address of ["ws://127.0.0.1:1", `ws://127.0.0.1:${server.address().port}`]) {
    const { client, told, note } = listen(t, signed(address));
    await note(client.connect());
    silent(told, client);
  }
});

// Statements: classes 22
test("an address that is none, given or of a function", async (t) => {
  for (const url of [
    `ws://${CANARY}:${CANARY}@host:99999/`, `no://user:${CANARY}@host`, `wss://bad host/mqtt?token=${CANARY}`,
    `ws://user:not/escaped-${CANARY}@host`, `ws://user:not escaped-${CANARY}@host:99999`, `ws://host:99999/?token=not escaped-${CANARY}`,
  ]) {
    try {
      new Client(url);
      assert.fail(`${url} was taken`);
    } catch (error) {
      silent([error]);
    }
    const { client, told, note } = listen(t, async () => url);
    await note(client.connect());
    silent(told, client);
  }
});

// Statements: classes 22
test("a WebSocket whose error tells the address", async (t) => {
  class Telling {
    constructor(url) {
      throw new SyntaxError(`cannot open ${url}`);
    }
  }
  class TellingLater {
    constructor(url) {
      setTimeout(() => {
        this.onerror({ message: `no route to ${url}`, error: new Error(`no route to ${url}`) });
        this.onclose({ code: 1006 });
      });
    }
    close() {}
  }
  for (const WebSocket of [Telling, TellingLater]) {
    const { client, told, note } = listen(t, signed("ws://host"), { WebSocket });
    await note(client.connect());
    silent(told, client);
  }
});

// Statements: classes 22
test("a connection that is lost, and publishes that fail with it", async (t) => {
  const broker = await startBroker(t);
  const { client, told, note } = listen(t, signed(broker.url), { reconnect: { min: 1, max: 5 } });
  const connecting = note(client.connect());
  const first = await broker.online();
  await connecting;
  note(client.publish("a", "x", { qos: 2 }));
  await first.expect(PUBLISH);
  first.drop();
  await (await broker.accept()).expect(CONNECT);
  await client.close();
  silent(told, client);
});

// Statements: classes 22
test("authentication data, of both sides", async (t) => {
  const broker = await startBroker(t);
  const authentication = { method: "token", data: bytes(CANARY), next: (data) => bytes(`${CANARY}${data}`) };
  const { client, told, note } = listen(t, signed(broker.url), { authentication });
  const connecting = note(client.connect());
  const peer = await broker.accept();
  await peer.expect(CONNECT);
  const data = [0x16, 0, CANARY.length, ...bytes(CANARY)];
  const properties = [...hex("15 0005 746f6b656e"), ...data];
  peer.send(packet(0xf0, 0x18, properties.length, properties));
  assert.ok((await peer.expect(AUTH)).body.includes(CANARY));
  peer.send(connack({ properties }));
  await connecting;
  const again = note(client.reauthenticate());
  await peer.expect(AUTH);
  peer.send(packet(0xe0, 0x87, 0)); // DISCONNECT: Not authorized
  await again;
  await until(() => client.state === "closed");
  silent(told);
});

// Statements: classes 22
test("a store holds nothing that lets anyone in", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "tarta-secrets-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const broker = await startBroker(t);
  const { client, told, note } = listen(t, signed(broker.url), { store: fileStore(folder), will: { topic: "will", payload: "the-will" } });
  const { stored } = client.enqueue("kept", "a-payload-to-be-found", { qos: 1 });
  const connecting = note(client.connect());
  const peer = await broker.online();
  await Promise.all([connecting, stored]);
  await peer.expect(PUBLISH);
  const closing = client.close();
  await peer.expect(DISCONNECT);
  await closing;
  silent(told);
  const content = Buffer.concat(readdirSync(folder).map((file) => readFileSync(join(folder, file)))).toString("latin1");
  assert.ok(content.includes("a-payload-to-be-found"), "it is looked at");
  for (const other of [CANARY, "the-will"]) assert.ok(!content.includes(other), other);
});
