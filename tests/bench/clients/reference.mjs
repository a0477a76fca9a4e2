// A client by hand, without validation, session, limits or time-outs: what plain JavaScript can do at best.
import WebSocket from "ws";

const variable = (length) => (length < 128 ? [length] : length < 16_384 ? [(length & 127) | 128, length >> 7] : [(length & 127) | 128, ((length >> 7) & 127) | 128, length >> 14]);
const text = (string) => {
  const bytes = Buffer.from(string);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
};
const packet = (first, body) => Buffer.concat([Buffer.from([first, ...variable(body.length)]), body]);

/** Handlers by level; "+" and "#" are levels of their own. */
class Trie {
  children = new Map();
  handlers = [];

  add(filter, handler) {
    let at = this;
    for (const level of filter.split("/")) {
      if (!at.children.has(level)) at.children.set(level, new Trie());
      at = at.children.get(level);
    }
    at.handlers.push(handler);
  }

  find(levels, from, found) {
    const below = this.children.get("#");
    if (below && !(from === 0 && levels[0][0] === "$")) found.push(...below.handlers);
    if (from === levels.length) return found.push(...this.handlers);
    this.children.get(levels[from])?.find(levels, from + 1, found);
    if (!(from === 0 && levels[0][0] === "$")) this.children.get("+")?.find(levels, from + 1, found);
    return found;
  }
}

class Client {
  constructor(socket) {
    this.socket = socket;
    this.rest = undefined;
    this.trie = new Trie();
    this.waiting = new Map();
    this.output = [];
    this.lastId = 0;
    socket.on("message", (data) => this.receive(data));
  }

  send(bytes) {
    if (this.output.push(bytes) === 1) {
      setImmediate(() => {
        this.socket.send(this.output.length === 1 ? this.output[0] : Buffer.concat(this.output));
        this.output = [];
      });
    }
  }

  receive(message) {
    const data = this.rest ? Buffer.concat([this.rest, message]) : message;
    let at = 0;
    this.rest = undefined;
    while (at < data.length) {
      let length = 0;
      let head = at + 1;
      let byte = 128;
      for (let shift = 0; byte > 127 && head < data.length; shift += 7) {
        byte = data[head++];
        length |= (byte & 127) << shift;
      }
      if (byte > 127 || head + length > data.length) {
        this.rest = data.subarray(at);
        return;
      }
      this.handle(data[at], data, head, head + length);
      at = head + length;
    }
  }

  handle(first, data, at, end) {
    const type = first >> 4;
    if (type !== 3) {
      const id = (data[at] << 8) | data[at + 1];
      if (type === 5) return this.acknowledge(0x62, id);
      if (type === 6) return this.acknowledge(0x70, id);
      const key = type === 2 ? 0 : id;
      this.waiting.get(key)?.();
      this.waiting.delete(key);
      return;
    }
    const qos = (first >> 1) & 3;
    const length = (data[at] << 8) | data[at + 1];
    const topic = data.utf8Slice(at + 2, at + 2 + length);
    let from = at + 2 + length;
    const handlers = this.trie.find(topic.split("/"), 0, []);
    const id = qos > 0 ? (data[from] << 8) | data[from + 1] : 0;
    if (qos > 0) from += 2;
    const payload = data.subarray(from, end);
    for (const handler of handlers) handler(topic, payload);
    if (qos > 0) this.acknowledge(qos === 1 ? 0x40 : 0x50, id);
  }

  acknowledge(first, id) {
    this.send(Buffer.from([first, 2, id >> 8, id & 255]));
  }

  nextId() {
    do this.lastId = (this.lastId % 65_535) + 1;
    while (this.waiting.has(this.lastId));
    return this.lastId;
  }

  wait(id) {
    return new Promise((resolve) => this.waiting.set(id, resolve));
  }
}

export async function open(url) {
  const socket = new WebSocket(url, "mqtt");
  await new Promise((resolve) => socket.once("open", resolve));
  const client = new Client(socket);
  client.send(packet(0x10, Buffer.concat([text("MQTT"), Buffer.from([4, 2, 0, 0]), text("bench")])));
  await client.wait(0);
  return {
    subscribe: (filters, qos, handlers) =>
      Promise.all(filters.map((filter, index) => {
        client.trie.add(filter, handlers[index]);
        const id = client.nextId();
        client.send(packet(0x82, Buffer.concat([Buffer.from([id >> 8, id & 255]), text(filter), Buffer.from([qos])])));
        return client.wait(id);
      })),
    publish(topic, payload, qos) {
      if (qos === 0) {
        client.send(packet(0x30, Buffer.concat([text(topic), payload])));
        return undefined;
      }
      const id = client.nextId();
      const waiting = client.wait(id);
      client.send(packet(0x30 | (qos << 1), Buffer.concat([text(topic), Buffer.from([id >> 8, id & 255]), payload])));
      return waiting;
    },
    close: () => socket.close(),
  };
}
