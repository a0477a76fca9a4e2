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
const { checkTopicFilter, checkTopicName, matchesTopic } = await source("names.ts");
const { needsMask } = await source("transport.ts");
const { Contents, Parcel } = await source("worker/parcel.ts");
const { Message, restOf } = await source("message.ts");
const { Packer } = await source("worker/packer.ts");

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
    assert.deepEqual(parseProperties(Buffer.from("0b05", "hex")), { subscriptionIdentifier: 5 });
  });

  test("every property of the table goes through", () => {
    const table = readFileSync(new URL("../../core/property.def", import.meta.url), "utf8");
    const rows = [...table.matchAll(/^TARTA_PROPERTY\((\w+), \w+, (\w+), (\w+)/gm)];
    assert.ok(rows.length >= 27); // those of 5.0
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

test("masks are left out where nobody lies between, and nowhere else", () => {
  for (const url of ["wss://example.com/mqtt", "ws://localhost:8080/", "ws://127.0.0.1/", "ws://127.8.9.10/", "ws://[::1]:1/"]) {
    assert.equal(needsMask(url), false, url);
  }
  for (const url of ["ws://example.com/", "ws://10.0.0.1/", "ws://localhost.example.com/", "ws://127.0.0.1.example.com/", "ws://[::2]/"]) {
    assert.equal(needsMask(url), true, url);
  }
});

// Statements: 5.0 MQTT-4.7.0-1, MQTT-4.7.1-1, MQTT-4.7.1-2, MQTT-4.7.3-1, MQTT-4.7.3-2, MQTT-4.7.3-3, MQTT-4.8.2-1, MQTT-4.8.2-2
test("topic names and filters, where the core is elsewhere, as the core has them", () => {
  const names = ["a", "/", "a/b", " ", "$SYS/x", "\ufeff", "a".repeat(65_535)];
  const filters = ["+", "#", "a/+/#", "+/+", "a/", "/#", "$share/g/a", "$share/g/#", "$share/g/+/b", "$share", "$SYS/#", "$share/g//"];
  const none = ["", "\0", "a\0b", "a".repeat(65_536), "é".repeat(32_768), "\ud800"];
  for (const name of names) checkTopicName(name);
  for (const filter of [...names, ...filters]) checkTopicFilter(filter);
  for (const name of [...none, ...filters.slice(0, 8)].filter((one) => /[+#\0\ud800]|^$|.{32768}/su.test(one))) {
    assert.throws(() => checkTopicName(name), TypeError, name.slice(0, 20));
  }
  for (const filter of [...none, "a+", "+a", "a/#/b", "#/", "a#", "$share/", "$share//a", "$share/g", "$share/g/", "$share/+/a", "$share/g/a#"]) {
    assert.throws(() => checkTopicFilter(filter), TypeError, filter.slice(0, 20));
  }
});

test("filters match topic names (5.0 §4.7)", () => {
  const topics = ["a", "b", "/", "a/", "a/b", "a/b/c", "$SYS", "$SYS/x"];
  const cases = {
    "a/b": ["a/b"], "+": ["a", "b"], "+/+": ["/", "a/", "a/b"], "a/+": ["a/", "a/b"], "a/#": ["a", "a/", "a/b", "a/b/c"],
    "a/+/#": ["a/", "a/b", "a/b/c"], "#": topics.slice(0, 6), "+/x": [], "$SYS/#": ["$SYS", "$SYS/x"], "$share/group/a/+": ["a/", "a/b"],
  };
  for (const [filter, matched] of Object.entries(cases)) {
    assert.deepEqual(topics.filter((topic) => matchesTopic(filter, topic)), matched, filter);
  }
});

describe("parcels", () => {
  const bytes = (text) => new TextEncoder().encode(text);
  const FIRST = 16; // words of the head
  const message = 1, topic = 2, match = 3, done = 4;

  test("have their turn, their counters, their records and their bytes", () => {
    const parcel = new Parcel();
    assert.equal(parcel.empty, true);
    parcel.add(topic, 0, [7, parcel.put(bytes("a/b")), 3]);
    parcel.add(done, 5, [1, 2, parcel.put(bytes("xyz")), 3]);
    assert.equal(parcel.size, 9 * 4 + 6);
    const contents = new Contents(parcel.take(9, [2 ** 40, 1]));
    assert.equal(parcel.empty, true);
    assert.equal(contents.turn, 9);
    assert.deepEqual([...contents.counters.slice(0, 2)], [2 ** 40, 1]);
    assert.deepEqual([...contents.words.slice(FIRST)], [topic | (4 << 16), 7, 0, 3, done | (5 << 8) | (5 << 16), 1, 2, 3, 3]);
    assert.equal(contents.text(contents.base, 6), "a/bxyz");
  });

  test("take a record of more than 65,535 words", () => {
    const parcel = new Parcel();
    parcel.add(match, 0, new Uint32Array(70_000).fill(6));
    const contents = new Contents(parcel.take(1));
    assert.deepEqual([...contents.words.slice(FIRST, FIRST + 3)], [match, 70_002, 6]);
    assert.equal(contents.words.length, FIRST + 70_002);
  });

  test("lose their messages of QoS 0 where there are too many, and nothing else", () => {
    const parcel = new Parcel();
    const one = (flags, words) => parcel.add(message, flags, words);
    parcel.add(topic, 0, [1, parcel.put(bytes("t")), 1]);
    one(0, [1, parcel.put(bytes("zero")), 4]);
    const properties = parcel.put(bytes("pp"));
    one(2 | 16 | 32, [1, parcel.put(bytes("once")), 4, 0, 5, properties, 2]);
    one(1, [1, parcel.put(bytes("kept")), 4]);
    one(4, [1, parcel.put(bytes("exactly")), 7]);
    parcel.add(match, 0, new Uint32Array(70_000).fill(6));
    parcel.add(done, 0, [8, 0, parcel.put(bytes("q")), 1]);
    const { parcel: thin, dropped } = new Contents(parcel.take(1)).thin();
    assert.equal(dropped, 2);
    const contents = new Contents(thin.take(1));
    const { words } = contents;
    const text = (at) => contents.text(contents.base + words[at], words[at + 1]);
    assert.equal(text(FIRST + 2), "t");
    assert.deepEqual([text(FIRST + 6), text(FIRST + 10)], ["once", "pp"]);
    assert.equal(text(FIRST + 14), "exactly");
    assert.deepEqual([...words.slice(FIRST + 16, FIRST + 18)], [match, 70_002]);
    assert.equal(text(words.length - 2), "q");
  });
});

test("what a page has not acknowledged is kept for it until the connection is over", () => {
  const answered = [];
  const packer = new Packer(() => {}, () => []);
  const pack = (name) => packer.message(new Message(name, 2, new ArrayBuffer(1), 0, 1, restOf(0, 0, undefined, { answer: () => answered.push(name) })), 1);
  pack("before");
  packer.forget();
  pack("after");
  packer.stop();
  assert.deepEqual(answered, ["after"]);
});
