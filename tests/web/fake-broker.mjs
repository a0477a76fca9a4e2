// The other end of a WebSocket, that says and expects what a test wants, byte by byte:
//
//   const broker = await FakeBroker.start();
//   const connecting = connect(broker.url);
//   const peer = await broker.accept();          // a client has opened a WebSocket
//   await peer.expect(CONNECT);                  // its next packet is a CONNECT
//   peer.send(connack());                        // one WebSocket message
//   const client = await connecting;
import { WebSocketServer } from "ws";

export const CONNECT = 1, CONNACK = 2, PUBLISH = 3, PUBACK = 4, PUBREC = 5, PUBREL = 6, PUBCOMP = 7, SUBSCRIBE = 8,
  SUBACK = 9, UNSUBSCRIBE = 10, UNSUBACK = 11, PINGREQ = 12, PINGRESP = 13, DISCONNECT = 14, AUTH = 15;

const NAMES = ["", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE", "SUBACK",
  "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH"];

// ---- packets to send ----

const two = (number) => [number >> 8, number & 255];
const variable = (number) => (number < 128 ? [number] : [(number & 127) | 128, ...variable(number >>> 7)]);
const text = (string) => {
  const bytes = Buffer.from(string);
  return [...two(bytes.length), ...bytes];
};
export const packet = (first, ...parts) => {
  const body = Buffer.concat(parts.map((part) => (typeof part === "number" ? Buffer.from([part]) : Buffer.from(part))));
  return Buffer.concat([Buffer.from([first, ...variable(body.length)]), body]);
};
export const hex = (string) => Buffer.from(string.replaceAll(" ", ""), "hex");

/** `properties` are bytes of wire form. */
export const connack = ({ sessionPresent = 0, reason = 0, properties = [] } = {}) =>
  packet(0x20, sessionPresent, reason, variable(properties.length), properties);
export const publish = (topic, payload, { qos = 0, id = 1, retain = 0, dup = 0, properties = [] } = {}) =>
  packet(0x30 | (dup << 3) | (qos << 1) | retain, text(topic), qos > 0 ? two(id) : [], variable(properties.length), properties,
    Buffer.from(payload));
export const acknowledgement = (type, id, reason = 0) =>
  packet((type << 4) | (type === PUBREL ? 2 : 0), two(id), reason ? [reason, 0] : []);
export const suback = (id, ...codes) => packet(0x90, two(id), 0, codes);
export const unsuback = (id, ...codes) => packet(0xb0, two(id), 0, codes);
export const identifier = (number) => [0x0b, ...variable(number)];

// ---- packets received ----

/** A whole packet at the start of the bytes, as far as a test looks at it; undefined if it is not whole. */
function readPacket(bytes) {
  let length = 0;
  let at = 1;
  for (let shift = 0; ; shift += 7) {
    if (at >= bytes.length) return undefined;
    const byte = bytes[at++];
    length |= (byte & 127) << shift;
    if (byte < 128) break;
  }
  if (bytes.length < at + length) return undefined;
  const type = bytes[0] >> 4;
  const body = bytes.subarray(at, at + length);
  const read = { type, name: NAMES[type], flags: bytes[0] & 15, body, size: at + length };
  const string = (from) => body.toString("utf8", from + 2, from + 2 + body.readUInt16BE(from));
  const skipProperties = (from) => from + 1 + body[from]; // tests keep them short
  if (type === PUBLISH) {
    read.topic = string(0);
    read.qos = (read.flags >> 1) & 3;
    let from = 2 + body.readUInt16BE(0);
    if (read.qos > 0) {
      read.id = body.readUInt16BE(from);
      from += 2;
    }
    read.properties = body.subarray(from + 1, skipProperties(from));
    read.payload = body.subarray(skipProperties(from));
  } else if (type >= PUBACK && type <= UNSUBSCRIBE) {
    read.id = body.readUInt16BE(0);
    read.reason = body[2] ?? 0;
    if (type === SUBSCRIBE || type === UNSUBSCRIBE) {
      read.properties = body.subarray(3, skipProperties(2));
      read.filters = [];
      for (let from = skipProperties(2); from < body.length; ) {
        const filter = string(from);
        from += 2 + Buffer.byteLength(filter);
        read.filters.push(type === SUBSCRIBE ? { filter, options: body[from++] } : { filter });
      }
    }
  }
  return read;
}

/** Takes bytes as they come; the function that is returned gives the packets that they complete. */
export function readPackets() {
  let rest = Buffer.alloc(0);
  return (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    const packets = [];
    for (let read; (read = readPacket(rest)); rest = rest.subarray(read.size)) packets.push(read);
    return packets;
  };
}

/** One client, from the side of the broker. */
class Peer {
  /** The sizes of the WebSocket messages that have come. */
  messages = [];
  closed = false;
  closeCode;
  #bytes = Buffer.alloc(0);
  #wake = () => {};

  constructor(socket) {
    this.socket = socket;
    socket.on("error", () => {});
    socket.on("message", (data, isBinary) => {
      if (!isBinary) throw new Error("the client has sent a text message");
      this.messages.push(data.length);
      this.#bytes = Buffer.concat([this.#bytes, data]);
      this.#wake();
    });
    socket.on("close", (code) => {
      this.closed = true;
      this.closeCode = code;
      this.#wake();
    });
  }

  /** The next packet; null when the client has closed. */
  async next() {
    for (;;) {
      const read = readPacket(this.#bytes);
      if (read) {
        this.#bytes = this.#bytes.subarray(read.size);
        return read;
      }
      if (this.closed) return null;
      await new Promise((resolve) => (this.#wake = resolve));
    }
  }

  /** The next packet, which must be of this type. */
  async expect(type) {
    const read = await this.next();
    if (read?.type !== type) throw new Error(`expected ${NAMES[type]}, got ${read ? `${read.name} ${read.body.toString("hex")}` : "the end"}`);
    return read;
  }

  /** Packets of these types, in this order. */
  async expectAll(...types) {
    const all = [];
    for (const type of types) all.push(await this.expect(type));
    return all;
  }

  /** No packet comes for a while. */
  async expectNothing(milliseconds = 30) {
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    if (this.#bytes.length > 0) throw new Error(`expected nothing, got ${this.#bytes.toString("hex")}`);
  }

  /** Sends all as one WebSocket message. */
  send(...packets) {
    this.socket.send(Buffer.concat(packets));
  }

  /** Sends the bytes in WebSocket messages of at most `size`. */
  sendSplit(bytes, size) {
    for (let at = 0; at < bytes.length; at += size) this.socket.send(bytes.subarray(at, at + size));
  }

  /** Ends the line without a word. */
  drop() {
    this.socket.terminate();
  }

  async ended() {
    while (!this.closed) await new Promise((resolve) => (this.#wake = resolve));
    return this.closeCode;
  }
}

export class FakeBroker {
  #waiting = [];
  #peers = [];

  static async start({ port = 0, deflate = false, subprotocol = "mqtt" } = {}) {
    const broker = new FakeBroker();
    broker.server = new WebSocketServer({
      port,
      host: "127.0.0.1",
      perMessageDeflate: deflate ? { threshold: 0 } : false,
      handleProtocols: (offered) => (subprotocol && offered.has(subprotocol) ? subprotocol : false),
    });
    broker.server.on("connection", (socket) => {
      const peer = new Peer(socket);
      const waiting = broker.#waiting.shift();
      if (waiting) waiting(peer);
      else broker.#peers.push(peer);
    });
    await new Promise((resolve) => broker.server.once("listening", resolve));
    broker.url = `ws://127.0.0.1:${broker.server.address().port}`;
    return broker;
  }

  /** The next client that connects. */
  accept() {
    return this.#peers.length > 0 ? Promise.resolve(this.#peers.shift()) : new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** The next client, after CONNECT and CONNACK. */
  async online(options) {
    const peer = await this.accept();
    peer.connect = await peer.expect(CONNECT);
    peer.send(connack(options));
    return peer;
  }

  async stop() {
    for (const socket of this.server.clients) socket.terminate();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
