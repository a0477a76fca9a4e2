// MQTT packets of 5.0 and 3.1.1, as far as a server needs them: what clients send is read strictly.
import {
  CONNECT, DISCONNECT, packet, PINGREQ, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, SUBSCRIBE, UNSUBSCRIBE,
} from "../web/fake-broker.mjs";
import { parseProperties } from "../web/packets.mjs";

// ---- to send ----

const two = (number) => [number >> 8, number & 255];
const variable = (number) => (number < 128 ? [number] : [(number & 127) | 128, ...variable(number >>> 7)]);
const withProperties = (version, properties) => (version === 5 ? [...variable(properties.length), ...properties] : []);

export const RECEIVE_MAXIMUM = 0x21, TOPIC_ALIAS_MAXIMUM = 0x22, SUBSCRIPTION_IDENTIFIER = 0x0b; // 5.0 §2.2.2.2
export const twoByteProperty = (name, value) => [name, ...two(value)];
export const variableProperty = (name, value) => [name, ...variable(value)];

export const connack = (version, present, reason, properties = []) =>
  packet(0x20, present ? 1 : 0, reason, withProperties(version, properties));

export function publish(version, { topic, payload, qos, id = 0, dup = false, properties = [] }) {
  const name = Buffer.from(topic);
  const head = [...two(name.length), ...name, ...(qos > 0 ? two(id) : []), ...withProperties(version, properties)];
  return packet(0x30 | (dup ? 8 : 0) | (qos << 1), head, payload);
}

/** PUBACK, PUBREC, PUBREL, PUBCOMP; before 5.0 they have no reason code. */
export const acknowledgement = (version, type, id, reason = 0) =>
  packet((type << 4) | (type === PUBREL ? 2 : 0), two(id), version === 5 && reason > 0 ? [reason] : []);

export const suback = (version, id, codes) => packet(0x90, two(id), withProperties(version, []), codes);
export const unsuback = (version, id, codes) => packet(0xb0, two(id), withProperties(version, []), version === 5 ? codes : []);
export const PINGRESP_PACKET = packet(0xd0);
export const disconnect = (reason) => packet(0xe0, reason, 0);

// ---- received ----

/** What a client may not send: Malformed Packet (5.0 §4.13). */
export class Malformed extends Error {}

/**
 * Takes bytes as they come; the function that is returned gives the packets that they complete, each as its first byte and
 * its body.
 */
export function splitter() {
  let rest = Buffer.alloc(0);
  return (bytes) => {
    rest = rest.length > 0 ? Buffer.concat([rest, bytes]) : bytes;
    const packets = [];
    for (;;) {
      let length = 0;
      let at = 1;
      for (let shift = 0; ; shift += 7) {
        if (at >= rest.length) return packets;
        if (shift > 21) throw new Malformed("a Remaining Length of more than four bytes");
        const byte = rest[at++];
        length |= (byte & 127) << shift;
        if (byte < 128) break;
      }
      if (rest.length < at + length) return packets;
      packets.push({ first: rest[0], body: rest.subarray(at, at + length) });
      rest = rest.subarray(at + length);
    }
  };
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

class Fields {
  #body;
  #at = 0;

  constructor(body) {
    this.#body = body;
  }

  get left() {
    return this.#body.length - this.#at;
  }

  take(count) {
    if (count > this.left) throw new Malformed("it ends inside of a field");
    this.#at += count;
    return this.#body.subarray(this.#at - count, this.#at);
  }

  byte() {
    return this.take(1)[0];
  }

  two() {
    return this.take(2).readUInt16BE();
  }

  data() {
    return this.take(this.two());
  }

  text() {
    const text = utf8.decode(this.data());
    if (text.includes("\0")) throw new Malformed("U+0000 in a string"); // 5.0 §1.5.4
    return text;
  }

  variable() {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      if (shift > 21) throw new Malformed("a Variable Byte Integer of more than four bytes");
      const byte = this.byte();
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
  }

  properties(version) {
    return version === 5 ? parseProperties(this.take(this.variable())) : {};
  }

  /** A packet identifier, which is never 0 (5.0 §2.2.1). */
  identifier() {
    const id = this.two();
    if (id === 0) throw new Malformed("packet identifier 0");
    return id;
  }
}

const flagsOf = { [PUBREL]: 2, [SUBSCRIBE]: 2, [UNSUBSCRIBE]: 2 }; // 5.0 §2.1.3

function readConnect(fields) {
  const protocol = fields.text();
  const version = fields.byte();
  if (protocol !== "MQTT") throw new Malformed(`the protocol "${protocol}"`);
  const flags = fields.byte();
  if ((flags & 1) !== 0) throw new Malformed("the reserved flag of CONNECT"); // 5.0 §3.1.2.3
  const keepalive = fields.two();
  const properties = fields.properties(version);
  const client = fields.text();
  if ((flags & 4) !== 0) {
    fields.properties(version);
    fields.text();
    fields.data();
  }
  if ((flags & 0x80) !== 0) fields.text();
  if ((flags & 0x40) !== 0) fields.data();
  return { version, clean: (flags & 2) !== 0, keepalive, properties, client };
}

function readPublish(fields, flags, version) {
  const qos = (flags >> 1) & 3;
  const dup = (flags & 8) !== 0;
  if (qos === 3) throw new Malformed("QoS 3"); // 5.0 §3.3.1.2
  if (qos === 0 && dup) throw new Malformed("DUP at QoS 0"); // 5.0 §3.3.1.1
  const topic = fields.text();
  const id = qos > 0 ? fields.identifier() : 0;
  const properties = fields.properties(version);
  if (/[+#]/.test(topic)) throw new Malformed("a wildcard in a topic"); // 5.0 §3.3.2.1
  if (topic === "" && properties.topicAlias === undefined) throw new Malformed("no topic");
  return { qos, dup, topic, id, properties, payload: fields.take(fields.left) };
}

function readFilters(fields, version, withOptions) {
  const id = fields.identifier();
  const properties = fields.properties(version);
  const filters = [];
  do filters.push({ filter: fields.text(), options: withOptions ? fields.byte() : 0 });
  while (fields.left > 0); // at least one: 5.0 §3.8.3
  return { id, properties, filters };
}

/** The packet of a client. @throws Malformed */
export function decode({ first, body }, version) {
  const type = first >> 4;
  const flags = first & 15;
  if (type !== PUBLISH && flags !== (flagsOf[type] ?? 0)) throw new Malformed(`flags ${flags} of packet type ${type}`);
  const fields = new Fields(body);
  const read = () => {
    switch (type) {
      case CONNECT:
        return readConnect(fields);
      case PUBLISH:
        return readPublish(fields, flags, version);
      case PUBACK:
      case PUBREC:
      case PUBREL:
      case PUBCOMP: {
        const id = fields.identifier();
        const more = version === 5 && fields.left > 0;
        const reason = more ? fields.byte() : 0;
        return { id, reason, properties: more && fields.left > 0 ? fields.properties(version) : {} };
      }
      case SUBSCRIBE:
      case UNSUBSCRIBE:
        return readFilters(fields, version, type === SUBSCRIBE);
      case PINGREQ:
        return {};
      case DISCONNECT: {
        const reason = version === 5 && fields.left > 0 ? fields.byte() : 0;
        return { reason, properties: version === 5 && fields.left > 0 ? fields.properties(version) : {} };
      }
      default:
        throw new Malformed(`packet type ${type} of a client`);
    }
  };
  try {
    const packet = { type, ...read() };
    if (fields.left > 0) throw new Malformed(`${fields.left} bytes behind packet type ${type}`);
    return packet;
  } catch (error) {
    if (error instanceof Malformed) throw error;
    throw new Malformed(error.message); // from properties and UTF-8
  }
}
