// What is between the core's records and a store: order, groups, failures.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import zlib from "node:zlib";
import { faulty, forget, INBOUND, CLIENT, keep, kept, MESSAGE, parts, raw, RELEASED, shown, write } from "./kit.mjs";

const { crc, CRC32, CRC32C, Ledger, memoryStore, repairStore, seal, unseal } = parts;

test("CRC-32", () => {
  const of = (text) => crc(CRC32, Buffer.from(text, "latin1"));
  assert.equal(of(""), 0);
  assert.equal(of("123456789"), 0xcbf43926); // the check value of the catalogues
  assert.equal(of("\0"), 0xd202ef8d);
  assert.equal(of("\0\0\0\0"), 0x2144df1c);
  assert.equal(of("\xff\xff\xff\xff"), 0xffffffff);
  assert.equal(of("The quick brown fox jumps over the lazy dog"), 0x414fa339);
  assert.equal(crc(CRC32, Buffer.from("xx123456789"), 2), 0xcbf43926);
  assert.equal(crc(CRC32C, Buffer.from("123456789")), 0xe3069283);
  assert.equal(crc(CRC32C, Buffer.alloc(32)), 0x8a9136aa); // RFC 3720 B.4
  // A gzip file ends with it.
  for (const length of [1, 1000, 100_000]) {
    const data = randomBytes(length);
    assert.equal(crc(CRC32, data), zlib.gzipSync(data).readUInt32LE(zlib.gzipSync(data).length - 8));
  }
});

test("an envelope gives back what was put in", () => {
  for (const [kind, key, sequence, length] of [[0, 0, 1, 0], [255, 2 ** 32 - 1, 2 ** 53 - 1, 3], [1, 65535, 2 ** 32, 70_000]]) {
    const bytes = randomBytes(length);
    const { crc, value } = seal(kind, key, sequence, bytes);
    assert.equal(value.buffer.byteLength, value.length);
    const found = unseal(sequence, value);
    assert.deepEqual({ ...found, bytes: Buffer.from(found.bytes) }, { sound: true, kind, key, sequence, crc, bytes });
    assert.equal(unseal(sequence - 1, value).sound, false);
  }
});

describe("records", () => {
  test("come back in the order of writing; the newer takes the place of the older", async () => {
    const store = memoryStore();
    assert.deepEqual(await kept(store), []);
    await write(store,
      [keep(MESSAGE, 7, "a"), keep(MESSAGE, 3, "b")],
      [keep(CLIENT, 0, "me"), keep(INBOUND, 7)],
      [keep(MESSAGE, 7, "c"), forget(INBOUND, 7), forget(INBOUND, 8)],
    );
    assert.deepEqual(await kept(store), ["1 3 b", "5 0 me", "1 7 c"]);
    await write(store, [keep(RELEASED, 3), forget(MESSAGE, 7)], [keep(MESSAGE, 2 ** 32 - 1, "d")]);
    assert.deepEqual(await kept(store), ["1 3 b", "5 0 me", "2 3 ", "1 4294967295 d"]);
  });

  test("are copied during the call", async () => {
    const store = memoryStore();
    const { ledger } = await Ledger.open(store);
    const bytes = Buffer.from("before");
    const writing = ledger.write([{ kind: MESSAGE, key: 1, bytes }]);
    bytes.fill("x");
    await writing;
    await ledger.close();
    assert.deepEqual(await kept(store), ["1 1 before"]);
  });

  test("that are kept and forgotten at once are not written, nor is a change of nothing", async () => {
    const store = faulty();
    await write(store, [keep(MESSAGE, 1), forget(MESSAGE, 1)], [forget(MESSAGE, 9)], [], [keep(MESSAGE, 2, "a"), keep(MESSAGE, 2, "b")]);
    assert.equal(store.batches.length, 1);
    assert.equal(store.batches[0].length, 2, "one record and the head");
    assert.deepEqual(await kept(store), ["1 2 b"]);
  });
});

describe("groups", () => {
  test("one is under way, the next collects; all is settled in order", async () => {
    const store = faulty();
    const { ledger } = await Ledger.open(store);
    let goOn;
    store.next.push(new Promise((resolve) => (goOn = resolve)));
    const settled = [];
    const writes = Array.from({ length: 100 }, (_, index) => ledger.write([keep(MESSAGE, index, `${index}`)]).then(() => settled.push(index)));
    await new Promise(setImmediate);
    assert.deepEqual(settled, []);
    goOn();
    await Promise.all(writes);
    assert.equal(store.batches.length, 2);
    assert.deepEqual(settled, Array.from({ length: 100 }, (_, index) => index));
    await ledger.close();
    assert.equal((await kept(store)).length, 100);
  });

  test("close() waits for all, and ends it", async () => {
    const store = faulty();
    const { ledger } = await Ledger.open(store);
    const writes = [ledger.write([keep(MESSAGE, 1, "a")]), ledger.write([keep(MESSAGE, 2, "b")])];
    await Promise.all([ledger.close(), ledger.close()]);
    await Promise.all(writes);
    await assert.rejects(ledger.write([keep(MESSAGE, 3)]), { name: "MqttError", code: "STORE_FAILED" });
    assert.deepEqual(await kept(store), ["1 1 a", "1 2 b"]);
  });
});

describe("a write that fails", () => {
  for (const how of ["before", "after"]) {
    test(`${how} it is on disk: rejects, and the next is as if it had not been`, async () => {
      const store = faulty();
      const { ledger } = await Ledger.open(store);
      await ledger.write([keep(MESSAGE, 1, "a"), keep(MESSAGE, 2, "b")]);
      store.next.push(how);
      await assert.rejects(ledger.write([keep(MESSAGE, 3, "c"), keep(MESSAGE, 4, "d")]), (error) => {
        assert.equal(error.name, "MqttError");
        assert.equal(error.code, "STORE_FAILED");
        assert.equal(error.cause.message, `failed ${how}`);
        return true;
      });
      await ledger.write([keep(MESSAGE, 4, "e"), forget(MESSAGE, 1)]);
      await ledger.close();
      assert.deepEqual(await kept(store), ["1 2 b", "1 4 e"]);
    });

    test(`${how} it is on disk: can be repeated`, async () => {
      const store = faulty();
      const { ledger } = await Ledger.open(store);
      const group = [keep(MESSAGE, 3, "c"), forget(MESSAGE, 1)];
      await ledger.write([keep(MESSAGE, 1, "a")]);
      store.next.push(how, how, how);
      for (let index = 0; index < 3; index++) await assert.rejects(ledger.write(group), { code: "STORE_FAILED" });
      await ledger.write(group);
      await ledger.close();
      assert.deepEqual(await kept(store), ["1 3 c"]);
    });

    test(`${how} it is on disk: of those that had joined, each has its own fate`, async () => {
      const store = faulty();
      const { ledger } = await Ledger.open(store);
      store.next.push(undefined, how, undefined, how, undefined);
      const writes = ["a", "b", "c", "d"].map((text, index) => ledger.write([keep(MESSAGE, index, text)]));
      const fates = await Promise.allSettled(writes);
      assert.deepEqual(fates.map(({ status }) => status), ["fulfilled", "fulfilled", "rejected", "fulfilled"]);
      await ledger.close();
      assert.deepEqual(await kept(store), ["1 0 a", "1 1 b", "1 3 d"]);
    });
  }

  test("in a store that has become another: rejects from then on", async () => {
    const opened = await memoryStore().open();
    const { ledger } = await Ledger.open({ open: async () => opened });
    await ledger.write([keep(MESSAGE, 1)]);
    opened.write = () => Promise.reject(new Error("gone"));
    opened.read = async function* () {};
    await assert.rejects(ledger.write([keep(MESSAGE, 2)]), { code: "STORE_FAILED" });
    for (let index = 0; index < 2; index++) await assert.rejects(ledger.write([keep(MESSAGE, 2)]), { code: "STORE_CORRUPT", phase: "session" });
    await ledger.close();
  });
});

describe("opening", () => {
  test("a store that is in use, or that cannot be opened, rejects with why", async () => {
    const store = memoryStore();
    const { ledger } = await Ledger.open(store);
    await assert.rejects(Ledger.open(store), { name: "MqttError", code: "STORE_IN_USE", phase: "open" });
    await assert.rejects(repairStore(store), { name: "MqttError", code: "STORE_IN_USE" });
    await ledger.close();
    const cause = new RangeError("mine");
    await assert.rejects(Ledger.open({ open: () => Promise.reject(cause) }), { code: "STORE_FAILED", cause, message: /mine/ });
    const coded = Object.assign(new Error("not here"), { code: "UNSUPPORTED" });
    await assert.rejects(Ledger.open({ open: () => Promise.reject(coded) }), { code: "UNSUPPORTED", message: /not here/ });
    const foreign = Object.assign(new Error("no such file"), { code: "ENOENT" });
    await assert.rejects(Ledger.open({ open: () => Promise.reject(foreign) }), { code: "STORE_FAILED", cause: foreign });
  });

  test("a store that cannot be read is closed again", async () => {
    let closed = 0;
    const opened = {
      async *read() { throw new Error("unreadable"); },
      close: async () => void closed++,
    };
    await assert.rejects(Ledger.open({ open: async () => opened }), { code: "STORE_FAILED", message: /unreadable/ });
    assert.equal(closed, 1);
  });
});

// A thousand random steps against a list.
test("random changes, failures and restarts", async () => {
  let seed = 7;
  const random = (below) => ((seed = (seed * 48271) % 2147483647) >>> 3) % below;
  const inner = memoryStore();
  const store = faulty(inner);
  let expected = new Map();
  let { ledger } = await Ledger.open(store);
  for (let step = 0; step < 1000; step++) {
    const calls = Array.from({ length: 1 + random(3) }, () =>
      Array.from({ length: random(4) }, () => (random(2) ? keep(1 + random(3), random(6), `${step}`) : forget(1 + random(3), random(6)))));
    for (let index = 0; index < 4; index++) store.next.push([undefined, undefined, "before", "after"][random(4)]);
    const fates = await Promise.allSettled(calls.map((group) => ledger.write(group)));
    store.next.length = 0;
    // A rejected call has kept nothing, but it may have forgotten.
    const doubtful = new Set();
    for (const [index, group] of calls.entries()) {
      for (const { kind, key, bytes } of group) {
        const name = `${kind} ${key}`;
        if (fates[index].status === "rejected") {
          doubtful.add(name);
          continue;
        }
        expected.delete(name);
        doubtful.delete(name);
        if (bytes) expected.set(name, `${name} ${bytes}`);
      }
    }
    if (random(5) > 0 && doubtful.size === 0) continue;
    await ledger.write([keep(9, 9, `${step}`)]);
    expected.delete("9 9");
    expected.set("9 9", `9 9 ${step}`);
    await ledger.close();
    const opened = await Ledger.open(store);
    ledger = opened.ledger;
    const found = shown(opened.records);
    for (const name of doubtful) if (!found.includes(expected.get(name))) expected.delete(name);
    assert.deepEqual(found, [...expected.values()], `step ${step}`);
  }
  await ledger.close();
  assert.ok((await raw(inner)).size === expected.size + 1, "nothing else lies there");
});
