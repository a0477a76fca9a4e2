// A store that is not as it was last written is never taken for whole; repairStore() keeps what is sound in it.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { CLIENT, forget, INBOUND, keep, kept, MESSAGE, parts, raw, RELEASED, storeOf, write } from "./kit.mjs";

const { crc, CRC32, Ledger, memoryStore, repairStore } = parts;
const HEAD = 0;

const GROUPS = [
  [keep(CLIENT, 0, "me")],
  [keep(MESSAGE, 1, "first"), keep(MESSAGE, 2, "")],
  [keep(INBOUND, 1), keep(MESSAGE, 3, "third")],
  [keep(RELEASED, 2), forget(INBOUND, 1), keep(MESSAGE, 1, "again")],
];
const RECORDS = ["5 0 me", "1 2 ", "1 3 third", "2 2 ", "1 1 again"];

const history = []; // what lies in the store after each group
let whole;

before(async () => {
  const store = memoryStore();
  for (const group of GROUPS) {
    await write(store, group);
    history.push(await raw(store));
  }
  whole = history.at(-1);
  assert.deepEqual(await kept(store), RECORDS);
});

const corrupt = (store, what) => assert.rejects(Ledger.open(store), { name: "MqttError", code: "STORE_CORRUPT", phase: "open" }, what);

/** A copy of the content, changed. */
function changed(change) {
  const entries = new Map(whole);
  change(entries);
  return storeOf(entries);
}

/** It is found corrupt; after a repair it is whole, with these records of it. */
async function repaired(store, records, report) {
  await corrupt(store);
  const { whole, ...others } = await repairStore(store);
  assert.equal(whole, false);
  assert.deepEqual(others, { kept: records.length, damaged: [], outdated: 0, missing: 0, extra: 0, ...report });
  assert.deepEqual(await kept(store), records);
  assert.deepEqual(await repairStore(store), { whole: true, kept: records.length, damaged: [], outdated: 0, missing: 0, extra: 0 });
  await write(store, [keep(MESSAGE, 1, "new")]);
  assert.equal((await kept(store)).at(-1), "1 1 new");
}

describe("is found", () => {
  test("a byte that has changed, at any offset of any record", async () => {
    for (const [key, value] of whole) {
      for (let at = 0; at < value.length; at++) {
        for (const mask of [1, 0x80, 0xff]) {
          await corrupt(await changed((entries) => entries.set(key, value.map((byte, index) => (index === at ? byte ^ mask : byte)))), `${key}, ${at}`);
        }
      }
    }
  });

  test("a record that was cut, at any offset, or has grown", async () => {
    for (const [key, value] of whole) {
      for (let length = 0; length < value.length; length++) await corrupt(await changed((entries) => entries.set(key, value.subarray(0, length))), `${key}, ${length}`);
      await corrupt(await changed((entries) => entries.set(key, Buffer.concat([value, Buffer.alloc(1)]))));
    }
  });

  test("the head, where it is all there is", async () => {
    const store = memoryStore();
    await write(store, [keep(MESSAGE, 1)], [forget(MESSAGE, 1)]);
    const entries = await raw(store);
    assert.deepEqual([...entries.keys()], [HEAD]);
    assert.deepEqual(await kept(store), []);
    entries.get(HEAD)[20] ^= 1;
    const damaged = await storeOf(entries);
    await corrupt(damaged);
    assert.deepEqual(await repairStore(damaged), { whole: false, kept: 0, damaged: [], outdated: 0, missing: undefined, extra: undefined });
    assert.deepEqual(await kept(damaged), []);
  });

  test("any record that is missing, the head too", async () => {
    for (const key of whole.keys()) await corrupt(await changed((entries) => entries.delete(key)), key);
  });

  test("two that were swapped, or one in the place of another, or twice", async () => {
    for (const [one, value] of whole) {
      for (const [other, last] of whole) {
        if (one === other) continue;
        await corrupt(await changed((entries) => entries.set(one, last).set(other, value)));
        await corrupt(await changed((entries) => entries.set(one, last)));
        await corrupt(await changed((entries) => entries.set(one, last).delete(other)));
      }
      await corrupt(await changed((entries) => entries.set(99, value)));
    }
  });

  test("any record of an earlier batch that is back, alone or for another", async () => {
    for (const earlier of history.slice(0, -1)) {
      for (const [key, value] of earlier) {
        if (key !== HEAD && whole.has(key)) continue;
        await corrupt(await changed((entries) => entries.set(key, value)), key);
        for (const other of whole.keys()) {
          if (other !== HEAD) await corrupt(await changed((entries) => entries.set(key, value).delete(other)), key);
        }
      }
    }
  });

  test("part of the last batch that is missing", async () => {
    const [earlier, later] = history.slice(-2);
    const keys = [...new Set([...earlier.keys(), ...later.keys()])].filter((key) => earlier.get(key) !== later.get(key));
    const differ = keys.filter((key) => Buffer.compare(earlier.get(key) ?? Buffer.alloc(0), later.get(key) ?? Buffer.alloc(0)) !== 0);
    assert.equal(differ.length, 5);
    for (let some = 1; some < 2 ** differ.length - 1; some++) {
      await corrupt(await changed((entries) => {
        for (const [index, key] of differ.entries()) {
          if (!(some & (1 << index))) continue;
          if (earlier.has(key)) entries.set(key, earlier.get(key));
          else entries.delete(key);
        }
      }), some);
    }
  });

  test("but not that whole batches at the end are missing", async () => {
    assert.deepEqual(await kept(await storeOf(history[2])), ["5 0 me", "1 1 first", "1 2 ", "3 1 ", "1 3 third"]);
    assert.deepEqual(await kept(await storeOf([])), []);
  });
});

test("a newer version is not read, and left alone by a repair", async () => {
  const newer = (value) => {
    const copy = Buffer.from(value);
    copy[4] = 2;
    copy.writeUInt32BE(crc(CRC32, copy, 4));
    return copy;
  };
  for (const [key, value] of whole) {
    const store = await changed((entries) => entries.set(key, newer(value)));
    const before = await raw(store);
    await assert.rejects(Ledger.open(store), { name: "MqttError", code: "STORE_VERSION", message: /newer|format is 2/ });
    await assert.rejects(repairStore(store), { name: "MqttError", code: "STORE_VERSION" });
    assert.deepEqual(await raw(store), before);
  }
});

describe("repairStore()", () => {
  test("changes nothing where all is well", async () => {
    const store = await storeOf(whole);
    assert.deepEqual(await repairStore(store), { whole: true, kept: 5, damaged: [], outdated: 0, missing: 0, extra: 0 });
    assert.deepEqual(await raw(store), whole);
    assert.deepEqual(await repairStore(memoryStore()), { whole: true, kept: 0, damaged: [], outdated: 0, missing: undefined, extra: undefined });
  });

  // The store keys: 1 client, 3 message 2, 5 message 3, 6 released 2, 7 message 1.
  test("keeps all but what is damaged, and tells what that was", async () => {
    const flip = (value, at) => value.map((byte, index) => (index === at ? byte ^ 1 : byte));
    await repaired(await changed((entries) => entries.set(5, flip(entries.get(5), 20))), RECORDS.toSpliced(2, 1), { damaged: [{ kind: "message", key: 3 }] });
    await repaired(await changed((entries) => entries.set(5, entries.get(5).subarray(0, 9))), RECORDS.toSpliced(2, 1), { damaged: [{ kind: undefined, key: undefined }] });
  });

  test("tells how many are missing or extra, as far as the head tells", async () => {
    await repaired(await changed((entries) => entries.delete(5)), RECORDS.toSpliced(2, 1), { missing: 1 });
    await repaired(await changed((entries) => entries.set(4, history[2].get(4))), RECORDS.toSpliced(2, 0, "3 1 "), { extra: 1 });
    await repaired(await changed((entries) => entries.delete(HEAD)), RECORDS, { missing: undefined, extra: undefined });
    await repaired(await changed((entries) => entries.set(HEAD, entries.get(HEAD).slice(1))), RECORDS, { missing: undefined, extra: undefined });
  });

  test("keeps the newest of several", async () => {
    await repaired(await changed((entries) => entries.set(2, history[1].get(2))), RECORDS, { outdated: 1 });
  });

  test("has the store repair itself where it cannot be read", async () => {
    const store = await storeOf(whole);
    let broken = true;
    const error = Object.assign(new Error("broken"), { code: "STORE_CORRUPT" });
    const opening = { open: async () => (broken ? Promise.reject(error) : store.open()) };
    await assert.rejects(repairStore(opening), { name: "MqttError", code: "STORE_CORRUPT", message: /broken/ });
    assert.deepEqual(await repairStore({ ...opening, repair: async () => void (broken = false) }),
      { whole: false, kept: 5, damaged: [], outdated: 0, missing: 0, extra: 0 });
    broken = true;
    await assert.rejects(repairStore({ ...opening, repair: async () => {} }), { code: "STORE_CORRUPT" });
  });
});
