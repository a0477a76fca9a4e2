// Parts that need neither a broker nor the module.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { MqttError } from "tarta";
import { source } from "./source.mjs";

const { encodeProperties, parseProperties, toBytes } = await source("properties.ts");
const { parsePattern, readParams } = await source("patterns.ts");
const { encodeText } = await source("text.ts");
const { Queue } = await source("queue.ts");
const { readOptions } = await source("options.ts");

const hex = (bytes) => Buffer.from(bytes).toString("hex");

describe("properties", () => {
  // Statements: classes 21
  test("round trip, in order, duplicates kept", () => {
    const properties = {
      payloadFormatIndicator: 1, messageExpiryInterval: 0xffffffff, contentType: "å\ufeff", responseTopic: "r",
      correlationData: new Uint8Array([0, 255]), userProperties: [["a", "1"], ["a", "2"], ["__proto__", "x"], ["", ""]],
    };
    const bytes = encodeProperties(properties);
    assert.equal(hex(bytes), "0101" + "02ffffffff" + "030005c3a5efbbbf" + "08000172" + "09000200ff" +
      "2600016100013126000161000132" + "2600095f5f70726f746f5f5f000178" + "2600000000");
    assert.deepEqual(parseProperties(bytes), properties);
    assert.equal(Object.getPrototypeOf(parseProperties(bytes)), Object.prototype);
  });

  test("what only a server sends", () => {
    const bytes = Buffer.from("0b01" + "0bffffff7f" + "22000a", "hex");
    assert.deepEqual(parseProperties(bytes), { subscriptionIdentifier: [1, 268435455], topicAliasMaximum: 10 });
    assert.deepEqual(parseProperties(Buffer.from("ff0b05ff", "hex"), 1, 2), { subscriptionIdentifier: 5 });
  });

  test("every property of the table goes through", () => {
    const table = readFileSync(new URL("../../core/property.def", import.meta.url), "utf8");
    const rows = [...table.matchAll(/^TARTA_PROPERTY\((\w+), \w+, (\w+), (\w+)/gm)];
    assert.equal(rows.length, 27);
    for (const [, identifier, name, form] of rows) {
      const one = { byte: 1, two_byte: 0xffff, four_byte: 0xffffffff, variable: 300, text: "t", data: new Uint8Array([1]), pair: ["a", "b"] }[form];
      const value = form === "pair" ? [one] : one;
      const bytes = encodeProperties({ [name]: value });
      assert.equal(bytes[0], Number(identifier));
      assert.deepEqual(parseProperties(bytes), { [name]: value });
      const most = { byte: 0xff, two_byte: 0xffff, four_byte: 0xffffffff, variable: 268_435_455 }[form];
      if (most) assert.throws(() => encodeProperties({ [name]: most + 1 }), RangeError, name);
    }
  });

  // Statements: 5.0 MQTT-1.5.4-1, MQTT-3.3.2-19
  test("mistakes", () => {
    for (const [properties, type] of [
      [{ contentType: 1 }, TypeError], [{ contentType: "\ud800" }, TypeError],
      [{ contentType: "x".repeat(65536) }, RangeError], [{ messageExpiryInterval: 2 ** 32 }, RangeError], [{ messageExpiryInterval: 1.5 }, RangeError],
      [{ messageExpiryInterval: "1" }, TypeError], [{ correlationData: "text" }, TypeError], [{ userProperties: { a: "b" } }, TypeError],
      [{ userProperties: [["a"]] }, TypeError], [{ toString: "x" }, TypeError], [{ contentTyp: "x" }, TypeError],
    ]) assert.throws(() => encodeProperties(properties), type, JSON.stringify(properties));
    assert.equal(encodeProperties({ contentType: undefined }).length, 0);
    assert.equal(encodeProperties(undefined).length, 0);
    assert.equal(hex(encodeProperties({ contentType: "a", messageExpiryInterval: 1 }, "messageExpiryInterval")), "03000161");
  });
});

// Statements: 5.0 MQTT-1.5.4-1
test("text: ASCII, beyond, long, ill-formed", () => {
  for (const text of ["", "plain", "å", "🍰", "x".repeat(100), "å".repeat(1000), "x".repeat(63) + "å", "\ufeff"]) {
    assert.equal(hex(encodeText(text)), hex(Buffer.from(text)), text);
  }
  for (const text of ["\ud800", "a\udc00b", "x".repeat(100) + "\ud83c"]) assert.throws(() => encodeText(text), TypeError);
});

test("bytes of everything binary, but of nothing detached", () => {
  const bytes = (value) => toBytes("it", value);
  const buffer = new Uint8Array([1, 2, 3, 4]).buffer;
  assert.equal(hex(bytes(buffer)), "01020304");
  assert.equal(hex(bytes(new DataView(buffer, 1, 2))), "0203");
  assert.equal(hex(bytes(new Uint16Array(buffer, 2, 1))), "0304");
  assert.equal(hex(bytes(Buffer.from("x"))), "78");
  assert.equal(hex(bytes("å")), "c3a5");
  assert.equal(bytes(new Uint8Array(0)).length, 0);
  assert.equal(bytes(new ArrayBuffer(0)).length, 0);
  assert.equal(bytes(new SharedArrayBuffer(2)).length, 2);
  const view = new Uint8Array(4);
  structuredClone(view.buffer, { transfer: [view.buffer] });
  for (const value of [view, view.buffer, Uint8Array, [1], null, undefined, 1, {}]) assert.throws(() => bytes(value), TypeError);
});

test("patterns", () => {
  const params = (pattern, topic) => ({ ...readParams(parsePattern(pattern, true).names, topic) });
  assert.equal(parsePattern("site/{room}/temp", true).filter, "site/+/temp");
  assert.equal(parsePattern("site/{path...}", true).filter, "site/#");
  assert.equal(parsePattern("a{b}/{", true).filter, "a{b}/{");
  assert.equal(parsePattern("{a}", false).filter, "{a}");
  assert.deepEqual(params("site/{room}/+/{rest...}", "site/a/x/c/d"), { room: "a", rest: "c/d" });
  assert.deepEqual(params("{all...}", "a/b"), { all: "a/b" });
  assert.deepEqual(params("a/{rest...}", "a"), { rest: "" });
  assert.deepEqual(params("$share/group/{x}/b", "a/b"), { x: "a" });
  assert.deepEqual(params("/{x}", "/"), { x: "" });
  for (const wrong of ["{a...}/b", "{a}/{a}", 1, undefined]) assert.throws(() => parsePattern(wrong, true), TypeError);
});

test("queues: order and ends", async () => {
  const queue = new Queue();
  for (const value of [1, 2]) queue.push(value);
  queue.end(new Error("over"));
  const loop = queue.loop();
  assert.deepEqual([await loop.next(), await loop.next()].map(({ value }) => value), [1, 2]);
  await assert.rejects(loop.next(), /over/);
  assert.equal((await loop.next()).done, true);
  const waiting = new Queue();
  const [first, second] = [waiting.loop(), waiting.loop()];
  const both = [first.next(), second.next()];
  waiting.push("a");
  waiting.end();
  assert.deepEqual(await Promise.all(both), [{ value: "a", done: false }, { value: undefined, done: true }]);
});

test("options: defaults and URLs", () => {
  const { clientId, urls, protocols, reconnect } = readOptions(["https://host/mqtt", "ws://user:secret@host:81/#x"], {});
  assert.match(clientId, /^[0-9a-zA-Z]{23}$/);
  assert.deepEqual(urls.map((url) => String(url(0))), ["wss://host/mqtt", "ws://user:secret@host:81/"]);
  assert.deepEqual([...protocols], ["mqtt"]);
  assert.deepEqual(reconnect, { min: 250, max: 30_000, factor: 2, initial: false });
  assert.equal(readOptions("ws://h", { reconnect: false }).reconnect, undefined);
  for (const wrong of [{ min: 10, max: 1 }, { factor: 0.5 }, { min: -1 }]) assert.throws(() => readOptions("ws://h", { reconnect: wrong }), RangeError);
});

test("errors say what and why", () => {
  const error = new MqttError("CONNACK_REFUSED", "connect", { reasonCode: 0x87, reasonString: "bad token", closeCode: 1000 });
  assert.ok(error instanceof Error);
  assert.equal(error.name, "MqttError");
  assert.equal(error.message, "connect: connack refused: Not authorized (0x87): bad token: WebSocket close code 1000");
  assert.deepEqual([error.code, error.phase, error.reasonCode, error.reasonString, error.closeCode, error.retriable],
    ["CONNACK_REFUSED", "connect", 0x87, "bad token", 1000, false]);
  assert.equal(new MqttError("CONNACK_REFUSED", "connect", { reasonCode: 0x89 }).retriable, true);
  assert.equal(new MqttError("QUEUE_FULL", "publish").retriable, true);
});
