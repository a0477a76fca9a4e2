// What every store must do. Runs in Node and in pages: nothing is imported.

/** Bytes that are all different from case to case. */
export const bytes = (length, seed = 1) => Uint8Array.from({ length }, (_, index) => (index * 31 + seed * 97 + (index >> 8)) & 0xff);

/** All that a store has; `most`: stops after so many. */
export async function readAll(opened, most = Infinity) {
  const found = [];
  for await (const entry of opened.read()) {
    found.push(entry);
    if (found.length >= most) break;
  }
  return found;
}

const show = (entries) => entries.map(([key, value]) => `${key}: ${value.length} ${value.length < 40 ? `[${[...value]}]` : value.reduce((sum, byte) => (sum * 31 + byte) >>> 0, 7)}`).join("\n");

function same(found, expected) {
  if (show(found) !== show(expected)) throw new Error(`found:\n${show(found).slice(0, 500)}\nexpected:\n${show(expected).slice(0, 500)}`);
}

async function rejects(promise, code) {
  const error = await promise.then(() => undefined, (one) => one);
  if (error?.code !== code) throw new Error(`${code} was expected, not ${error ? `${error.code}: ${error.message}` : "success"}`);
  return error;
}

/** Opens, runs, closes. */
async function within(store, run) {
  const opened = await store.open();
  try {
    return await run(opened);
  } finally {
    await opened.close();
  }
}

/** Each is given make(), which gives a new store, and again(store), which gives one with the same content. */
export const cases = {
  async "is empty at first, and stays it"({ make, again }) {
    const store = await make();
    await within(store, async (opened) => same(await readAll(opened), []));
    await within(again(store), async (opened) => {
      await opened.write([]);
      await opened.write([[7, undefined]]);
      same(await readAll(opened), []);
    });
  },

  async "gives everything in the order of the keys, also when it is opened anew"({ make, again }) {
    const store = await make();
    const keys = [300, 2, 2 ** 53 - 1, 0, 65536, 2 ** 32, 255, 1, 2 ** 32 - 1, 256];
    const expected = keys.toSorted((one, other) => one - other).map((key) => [key, bytes(5, key % 251)]);
    await within(store, async (opened) => {
      for (const key of keys) await opened.write([[key, bytes(5, key % 251)]]);
      same(await readAll(opened), expected);
      same(await readAll(opened, 3), expected.slice(0, 3));
      same(await readAll(opened, 1), expected.slice(0, 1));
    });
    await within(again(store), async (opened) => same(await readAll(opened), expected));
  },

  async "makes the changes of a batch in their order"({ make, again }) {
    const store = await make();
    await within(store, async (opened) => {
      await opened.write([[1, bytes(1, 1)], [2, bytes(2, 2)], [3, bytes(3, 3)]]);
      await opened.write([[1, undefined], [2, bytes(4, 4)], [4, bytes(1)], [4, undefined], [3, undefined], [3, bytes(6, 6)], [5, bytes(1)], [5, bytes(2)]]);
    });
    await within(again(store), async (opened) => same(await readAll(opened), [[2, bytes(4, 4)], [3, bytes(6, 6)], [5, bytes(2)]]));
  },

  async "keeps empty values, large ones, and the part of a buffer that is meant"({ make, again }) {
    const store = await make();
    const large = bytes(2 ** 20);
    const expected = [[0, bytes(0)], [1, large], [2, large.subarray(1000, 1010)], [3, bytes(0)], [4, bytes(2 ** 20, 4)]];
    await within(store, (opened) => opened.write(expected));
    await within(again(store), async (opened) => same(await readAll(opened), expected));
  },

  async "keeps thousands of records, of one batch and of many"({ make, again }) {
    const store = await make();
    const many = Array.from({ length: 5000 }, (_, index) => [index * 3, bytes(100, index)]);
    await within(store, async (opened) => {
      await opened.write(many);
      for (let index = 0; index < 100; index++) await opened.write([[index * 3, undefined], [index * 3 + 1, bytes(10, index)]]);
    });
    const expected = [...Array.from({ length: 100 }, (_, index) => [index * 3 + 1, bytes(10, index)]), ...many.slice(100)];
    await within(again(store), async (opened) => same(await readAll(opened), expected));
  },

  async "is one's alone until that one has closed it"({ make, again }) {
    const store = await make();
    const first = await store.open();
    await rejects(again(store).open(), "STORE_IN_USE");
    await rejects(store.open(), "STORE_IN_USE");
    await first.write([[1, bytes(1)]]);
    await first.close();
    const second = await store.open();
    await first.close();
    await rejects(again(store).open(), "STORE_IN_USE");
    same(await readAll(second), [[1, bytes(1)]]);
    await second.close();
  },

  async "does nothing any more once it is closed"({ make, again }) {
    const store = await make();
    const opened = await store.open();
    await opened.write([[1, bytes(1)]]);
    await opened.close();
    await opened.close();
    await rejects(opened.write([[2, bytes(1)]]), "STORE_FAILED");
    await rejects(readAll(opened), "STORE_FAILED");
    await within(again(store), async (next) => {
      await rejects(opened.write([[3, bytes(1)]]), "STORE_FAILED");
      same(await readAll(next), [[1, bytes(1)]]);
    });
  },
};
