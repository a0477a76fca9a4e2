// A client by hand, without validation, session, limits or time-outs: what plain JavaScript can do at best.
import { connect, join, openSocket, publish, subscribe } from "./socket.mjs";

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
    const hidden = from === 0 && levels[0][0] === "$"; // from wildcards (3.1.1 §4.7.2)
    const below = this.children.get("#");
    if (below && !hidden) found.push(...below.handlers);
    if (from === levels.length) {
      found.push(...this.handlers);
      return found;
    }
    this.children.get(levels[from])?.find(levels, from + 1, found);
    if (!hidden) this.children.get("+")?.find(levels, from + 1, found);
    return found;
  }
}

class Client {
  rest = undefined;
  trie = new Trie();
  waiting = new Map();
  output = [];
  lastId = 0;
  turn = new MessageChannel();

  constructor() {
    this.turn.port1.onmessage = () => {
      this.socket.send(join(this.output));
      this.output = [];
    };
  }

  send(bytes) {
    if (this.output.push(bytes) === 1) this.turn.port2.postMessage(0);
  }

  receive(buffer) {
    let data = new Uint8Array(buffer);
    if (this.rest) data = join([this.rest, data]);
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
    let from = at + 2 + ((data[at] << 8) | data[at + 1]);
    let topic = "";
    for (let i = at + 2; i < from; i++) topic += String.fromCharCode(data[i]); // a TextDecoder takes longer for so few
    const handlers = this.trie.find(topic.split("/"), 0, []);
    const id = qos > 0 ? (data[from] << 8) | data[from + 1] : 0;
    if (qos > 0) from += 2;
    const payload = data.subarray(from, end);
    for (const handler of handlers) handler(topic, payload);
    if (qos > 0) this.acknowledge(qos === 1 ? 0x40 : 0x50, id);
  }

  acknowledge(first, id) {
    this.send([first, 2, id >> 8, id & 255]);
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

export async function open(url, { worker }) {
  const client = new Client();
  client.socket = await openSocket(url, worker, (buffer) => client.receive(buffer));
  client.send(connect());
  await client.wait(0);
  return {
    subscribe: (filters, qos, handlers) =>
      Promise.all(filters.map((filter, index) => {
        client.trie.add(filter, handlers[index]);
        const id = client.nextId();
        client.send(subscribe(id, filter, qos));
        return client.wait(id);
      })),
    publish(topic, payload, qos) {
      if (qos === 0) {
        client.send(publish(topic, payload, 0));
        return undefined;
      }
      const id = client.nextId();
      const waiting = client.wait(id);
      client.send(publish(topic, payload, qos, id));
      return waiting;
    },
  };
}
