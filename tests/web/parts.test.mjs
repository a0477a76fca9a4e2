// Parts that need neither a broker nor the module.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { MqttError } from "tarta";
import { source } from "./source.mjs";

const { encodeProperties, parseProperties, asBytes } = await source("properties.ts");
const { parsePattern, readParams } = await source("patterns.ts");
const { encodeText } = await source("text.ts");
const { Queue } = await source("queue.ts");
const { readOptions } = await source("options.ts");

const PUBLISH = 3;
const CONNECT = 1;
const CONNACK = 2;
const hex = (bytes) => Buffer.from(bytes).toString("hex");

describe("properties", () => {
  test("round trip, in order, duplicates kept", () => {
    const properties = {
      payloadFormatIndicator: 1, messageExpiryInterval: 0xffffffff, contentType: "å\ufeff", responseTopic: "r",
      correlationData: new Uint8Array([0, 255]), userProperties: [["a", "1"], ["a", "2"], ["__proto__", "x"], ["", ""]],
    };
    const bytes = encodeProperties(properties, PUBLISH);
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
    const rows = [...table.matchAll(/^TARTA_PROPERTY\((\w+), \w+, (\w+), (\w+), (\w+), ([\w |]+)\)/gm)];
    assert.equal(rows.length, 27);
    const packets = ["WILL", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE", "SUBACK",
      "UNSUBSCRIBE", "UNSUBACK", "", "", "DISCONNECT", "AUTH"];
    for (const [, identifier, name, form, rule, where] of rows) {
      const one = { byte: 1, two_byte: 0xffff, four_byte: 0xffffffff, variable: 300, text: "t", data: new Uint8Array([1]), pair: ["a", "b"] }[form];
      const value = form === "pair" ? [one] : one;
      packets.forEach((packet, number) => {
        const encode = () => encodeProperties({ [name]: value }, number);
        if (!where.split(" | ").includes(packet)) return assert.throws(encode, TypeError, `${name} in ${packet}`);
        assert.equal(encode()[0], Number(identifier));
        assert.deepEqual(parseProperties(encode()), { [name]: value });
      });
      if (rule === "boolean") assert.throws(() => encodeProperties({ [name]: 2 }, packets.indexOf(where.split(" | ")[0])), RangeError);
      if (rule.startsWith("nonzero")) assert.throws(() => encodeProperties({ [name]: 0 }, packets.indexOf(where.split(" | ")[0])), RangeError);
    }
  });

  test("mistakes", () => {
    for (const [properties, type] of [
      [{ contentType: 1 }, TypeError], [{ contentType: "a\0" }, TypeError], [{ contentType: "\ud800" }, TypeError],
      [{ contentType: "x".repeat(65536) }, RangeError], [{ messageExpiryInterval: 2 ** 32 }, RangeError], [{ messageExpiryInterval: 1.5 }, RangeError],
      [{ messageExpiryInterval: "1" }, TypeError], [{ correlationData: "text" }, TypeError], [{ userProperties: { a: "b" } }, TypeError],
      [{ userProperties: [["a"]] }, TypeError], [{ receiveMaximum: 1 }, TypeError], [{ toString: "x" }, TypeError], [{ reasonString: "x" }, TypeError],
    ]) assert.throws(() => encodeProperties(properties, PUBLISH), type, JSON.stringify(properties));
    assert.equal(encodeProperties({ contentType: undefined }, PUBLISH).length, 0);
    assert.equal(encodeProperties(undefined, CONNECT).length, 0);
    assert.throws(() => encodeProperties({ receiveMaximum: 0 }, CONNACK), RangeError);
  });
});

test("text: ASCII, beyond, long, ill-formed", () => {
  for (const text of ["", "plain", "å", "🍰", "x".repeat(100), "å".repeat(1000), "x".repeat(63) + "å", "\ufeff"]) {
    assert.equal(hex(encodeText(text)), hex(Buffer.from(text)), text);
  }
  for (const text of ["\ud800", "a\udc00b", "x".repeat(100) + "\ud83c"]) assert.throws(() => encodeText(text), TypeError);
});

test("bytes of everything binary, but of nothing detached", () => {
  const buffer = new Uint8Array([1, 2, 3, 4]).buffer;
  assert.equal(hex(asBytes(buffer)), "01020304");
  assert.equal(hex(asBytes(new DataView(buffer, 1, 2))), "0203");
  assert.equal(hex(asBytes(new Uint16Array(buffer, 2, 1))), "0304");
  assert.equal(hex(asBytes(Buffer.from("x"))), "78");
  assert.equal(asBytes(new Uint8Array(0)).length, 0);
  assert.equal(asBytes(new ArrayBuffer(0)).length, 0);
  assert.equal(asBytes(new SharedArrayBuffer(2)).length, 2);
  const view = new Uint8Array(4);
  structuredClone(view.buffer, { transfer: [view.buffer] });
  for (const value of [view, view.buffer, new Uint16Array(0).constructor, [1], null, undefined, "x", {}]) assert.equal(asBytes(value), undefined);
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

test("queues: order, limits, ends", async () => {
  const queue = new Queue(2, "drop-newest");
  for (const value of [1, 2, 3]) queue.push(value);
  queue.end(new Error("over"));
  assert.deepEqual([await queue.next(), await queue.next()].map(({ value }) => value), [1, 2]);
  await assert.rejects(queue.next(), /over/);
  assert.equal((await queue.next()).done, true);
  const waiting = new Queue();
  const both = [waiting.next(), waiting.next()];
  waiting.push("a");
  waiting.end();
  assert.deepEqual(await Promise.all(both), [{ value: "a", done: false }, { value: undefined, done: true }]);
});

test("options: defaults and URLs", () => {
  const { clientId, urls, protocols, reconnect } = readOptions(["https://host/mqtt", "ws://user:secret@host:81/#x"], {});
  assert.match(clientId, /^[0-9a-zA-Z]{23}$/);
  assert.deepEqual(urls.map(String), ["wss://host/mqtt", "ws://user:secret@host:81/"]);
  assert.deepEqual([...protocols], ["mqtt"]);
  assert.deepEqual(reconnect, { min: 250, max: 30_000, factor: 2, initial: false });
  assert.equal(readOptions("ws://h", { reconnect: false }).reconnect, undefined);
  for (const wrong of [{ min: 10, max: 1 }, { factor: 0.5 }, { min: -1 }]) assert.throws(() => readOptions("ws://h", { reconnect: wrong }), RangeError);
});

test("errors say what and why", () => {
  const error = new MqttError("CONNACK_REFUSED", "connect", { reasonCode: 0x87, reasonString: "bad token", closeCode: 1000 });
  assert.ok(error instanceof Error);
  assert.equal(error.name, "MqttError");
  assert.equal(error.message, "the server refused the connection: Not authorized (0x87): bad token: WebSocket close code 1000");
  assert.deepEqual([error.code, error.phase, error.reasonCode, error.reasonString, error.closeCode, error.retriable],
    ["CONNACK_REFUSED", "connect", 0x87, "bad token", 1000, false]);
  assert.equal(new MqttError("CONNACK_REFUSED", "connect", { reasonCode: 0x89 }).retriable, true);
  assert.equal(new MqttError("QUEUE_FULL", "publish").retriable, true);
});
