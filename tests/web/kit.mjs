// What the tests of the client share.
import assert from "node:assert/strict";
import { Client, connect, memoryStore, MqttError } from "tarta";
import { connack, CONNECT, FakeBroker, suback, SUBSCRIBE } from "./fake-broker.mjs";

/** Runs a test with a broker and a client that is connected to it; both end with the test. */
export const withClient = (run, options = {}, brokerOptions = {}) => async (t) => {
  const broker = await FakeBroker.start(brokerOptions);
  t.after(() => broker.stop());
  const connecting = connect(broker.url, { version: 5, reconnect: false, ...options });
  const peer = await broker.online(brokerOptions.connack);
  const client = await connecting;
  t.after(() => client.close());
  await run({ broker, peer, client, t });
};

/** Subscribes, with the broker's consent. */
export async function subscribed(client, peer, filters, options, handler) {
  const subscribing = client.subscribe(filters, options, handler);
  for (let left = [filters].flat().length; left > 0; left--) {
    const { id, filters: asked } = await peer.expect(SUBSCRIBE);
    peer.send(suback(id, ...asked.map(({ options: byte }) => byte & 3)));
  }
  return subscribing;
}

export const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Resolves when the condition holds; fails after two seconds. */
export async function until(condition, what = String(condition)) {
  for (const end = Date.now() + 2000; !condition(); ) {
    if (Date.now() > end) throw new Error(`never: ${what}`);
    await pause(2);
  }
}

/** A broker that ends with the test. */
export async function startBroker(t, options) {
  const broker = await FakeBroker.start(options);
  t.after(() => broker.stop());
  return broker;
}

/** The promise rejects with an MqttError of this code, that has `more`; resolves with it. */
export async function fails(promise, code, more = {}) {
  const error = await promise.then(() => assert.fail("it went well"), (error) => error);
  assert.ok(error instanceof MqttError, String(error));
  assert.equal(error.code, code, error.message);
  for (const [key, value] of Object.entries(more)) assert.deepEqual(error[key], value, `${key} of "${error.message}"`);
  return error;
}

export const TIMEOUT = { timeout: 5000 };

/** Runs a test with a broker, and clients with stores on it, one after the other. */
export const withBroker = (run) => async (t) => {
  const broker = await FakeBroker.start();
  t.after(() => broker.stop());
  const open = async (store, { sessionPresent = 0, ...options } = {}) => {
    const client = new Client(broker.url, { version: 5, reconnect: false, store, ...options });
    t.after(() => client.close());
    const connecting = client.connect();
    const peer = await broker.accept();
    const hello = await peer.expect(CONNECT);
    peer.send(connack({ sessionPresent }));
    await connecting;
    return { client, peer, hello };
  };
  await run({ broker, open, t });
};

/** A store whose writes wait, or fail, when a test wants it. */
export function slowStore() {
  const inner = memoryStore();
  const store = {
    writes: 0,
    /** Has each write wait for what this returns; what it throws is the store's problem. */
    before: () => {},
    /** Reading and closing wait for what this returns. */
    slow: () => {},
    async open() {
      const opened = await inner.open();
      return {
        async *read() {
          await store.slow();
          yield* opened.read();
        },
        write: async (changes) => {
          store.writes++;
          await store.before(changes);
          return opened.write(changes);
        },
        close: async () => {
          await store.slow();
          return opened.close();
        },
      };
    },
  };
  return store;
}

/** Collects what the client tells of messages that were enqueued. */
export function fates(client) {
  const list = [];
  client.addEventListener("settled", ({ detail }) => list.push(detail));
  return list;
}
