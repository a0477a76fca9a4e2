// What a case is given. It runs in Node and in a page alike, so there is no `node:` import here.

/** Fails with a message that shows both values. */
export function equal(actual, expected, what) {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: expected ${b}, got ${a}`);
}

export function ok(condition, what) {
  if (!condition) throw new Error(`not so: ${what}`);
}

/**
 * The promise must reject with an MqttError that bears `code`, or one of a list of them, and the other details that are
 * given, and whose message a person can make something of.
 */
async function failsWith(MqttError, promise, { code, reasonCode, says }) {
  const [error, value] = await promise.then(
    (value) => [undefined, value],
    (error) => [error],
  );
  if (!error) throw new Error(`expected a failure with ${code}, but it went well: ${JSON.stringify(value)}`);
  const shown = `${error.name}: ${error.message}`;
  ok(error instanceof MqttError, `"${shown}" is an MqttError`);
  if (![code].flat().includes(error.code)) throw new Error(`"${shown}" has the code ${error.code}, not ${[code].flat().join(" or ")}`);
  if (reasonCode !== undefined) equal(error.reasonCode, reasonCode, `reason code of "${shown}"`);
  ok(error.message.length >= 15 && error.message !== error.code, `"${shown}" is a sentence`);
  if (says) ok(says.test(error.message), `"${shown}" says ${says}`);
  return error;
}

/** Collects messages as a handler, and hands them out in order. */
export class Inbox {
  all = [];
  #taken = 0;
  #wake = () => {};

  take = (message) => {
    this.all.push({
      topic: message.topic,
      text: message.payload.length > 10_000 ? null : message.text(),
      payload: message.payload.slice(),
      qos: message.qos,
      retain: message.retain,
      params: message.params,
      properties: message.properties,
    });
    this.#wake();
  };

  /** Resolves when `count` messages have come in all. */
  async reach(count) {
    while (this.all.length < count) await new Promise((resolve) => (this.#wake = resolve));
    return this.all;
  }

  async next() {
    await this.reach(this.#taken + 1);
    return this.all[this.#taken++];
  }

  get texts() {
    return this.all.map((message) => message.text);
  }
}

/** Resolves when the promise did, rejects when `milliseconds` are over. */
export function within(milliseconds, promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing after ${milliseconds} ms`)), milliseconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** A WebSocket class whose sockets can be closed beneath the client: MQTT does not get to say goodbye. */
function cuttable(WebSocket) {
  const open = new Set();
  return {
    WebSocket: class extends WebSocket {
      constructor(...args) {
        super(...args);
        open.add(this);
        this.addEventListener("close", () => open.delete(this));
      }
    },
    cut() {
      for (const socket of open) socket.close();
    },
  };
}

/**
 * Runs one case of the list for one protocol version.
 * `environment`: { tarta, WebSocket, platform: "node" | "browser", broker: { url, guarded }, faults: { … } }
 */
export async function runCase(entry, version, environment) {
  const { tarta, platform, broker, faults } = environment;
  const clients = [];
  const prefix = `open/${platform}/${version}/${entry.name.replace(/[^a-z0-9]+/gi, "-")}`;

  const kit = {
    tarta,
    version,
    platform,
    broker,
    faults,
    /** A topic or a filter of this case's own. */
    topic: (rest) => `${prefix}/${rest}`,
    /** A client for this case's broker and version that is closed when the case is over. */
    create(options = {}, url = broker?.url) {
      const client = new tarta.Client(url, { version, reconnect: false, ...options });
      clients.push(client);
      return client;
    },
    async connect(options, url) {
      const client = kit.create(options, url);
      await client.connect();
      return client;
    },
    failsWith: (promise, expected) => failsWith(tarta.MqttError, promise, expected),
    line: () => cuttable(environment.WebSocket),
  };

  try {
    await within(entry.within ?? 10_000, entry.run(kit), entry.name);
  } finally {
    const closing = Promise.allSettled(clients.map((client) => client.close()));
    await within(5_000, closing, `closing the clients of "${entry.name}"`);
  }
}
