// Packets as npm's mqtt-packet reads and writes them, in the form of tests/vectors/README.md.
import mqttPacket from "mqtt-packet";
import protocol from "mqtt-packet/constants.js";
import { hex } from "../web/packets.mjs";

const flag = (value) => (value ? 1 : 0);
const number = (value) => Number(value);
const data = (value) => hex(Buffer.from(value));
const text = (value) => value;

// Its names of properties, where they are not those of core/property.def, and what our form makes of the values.
const RENAMED = { subscriptionIdentifiersAvailable: "subscriptionIdentifierAvailable" };

/** The names of the properties that mqtt-packet knows, by ours. */
export const theirNames = new Map(Object.keys(protocol.properties).map((name) => [RENAMED[name] ?? name, name]));

const VALUES = { correlationData: data, authenticationData: data, subscriptionIdentifier: (value) => [value].flat() };

/**
 * User properties by name, as mqtt-packet does not keep the order between names, and without empty values that others of the
 * same name follow, which it loses (5.0 §3.3.2.3.7: both are to be kept).
 */
export const byName = (pairs) => {
  const names = new Map();
  for (const [name, value] of pairs) {
    const before = names.get(name) ?? [];
    names.set(name, [...(before.length === 1 && before[0] === "" ? [] : before), value]);
  }
  return [...names].sort(([a], [b]) => (a < b ? -1 : 1));
};

function properties(theirs = {}) {
  const ours = {};
  for (const [name, value] of Object.entries(theirs)) {
    if (name === "userProperties") {
      const pairs = Object.entries(value).flatMap(([key, values]) => [values].flat().map((one) => [key, one]));
      ours.userProperties = byName(pairs);
    } else {
      const convert = VALUES[name] ?? (typeof value === "boolean" ? flag : text);
      ours[RENAMED[name] ?? name] = convert(value);
    }
  }
  return ours;
}

const READ = {
  connect: (packet) => ({
    protocolVersion: packet.protocolVersion,
    cleanStart: packet.clean,
    keepalive: packet.keepalive,
    clientId: packet.clientId,
    ...(packet.will && {
      willQos: packet.will.qos,
      willRetain: packet.will.retain,
      ...(packet.protocolVersion === 5 && { willProperties: properties(packet.will.properties) }),
      willTopic: packet.will.topic,
      willPayload: data(packet.will.payload),
    }),
    ...(packet.username !== undefined && { username: packet.username }),
    ...(packet.password !== undefined && { password: data(packet.password) }),
  }),
  connack: (packet, version) => ({ ...(version > 3 && { sessionPresent: packet.sessionPresent }), reasonCode: packet.reasonCode ?? packet.returnCode }),
  publish: (packet) => ({
    dup: packet.dup,
    qos: packet.qos,
    retain: packet.retain,
    topic: packet.topic,
    ...(packet.qos > 0 && { packetIdentifier: packet.messageId }),
    payload: data(packet.payload),
  }),
  subscribe: (packet, version) => ({
    packetIdentifier: packet.messageId,
    subscriptions: packet.subscriptions.map(({ topic, qos, nl, rap, rh }) => ({
      filter: topic,
      options: version === 5 ? qos | (flag(nl) << 2) | (flag(rap) << 3) | (number(rh) << 4) : qos,
    })),
  }),
  suback: (packet) => ({ packetIdentifier: packet.messageId, reasonCodes: packet.granted }),
  unsubscribe: (packet) => ({ packetIdentifier: packet.messageId, filters: packet.unsubscriptions }),
  unsuback: (packet, version) => ({ packetIdentifier: packet.messageId, ...(version === 5 && { reasonCodes: packet.granted ?? [] }) }),
  pingreq: () => ({}),
  pingresp: () => ({}),
  disconnect: (packet, version) => (version === 5 ? { reasonCode: packet.reasonCode } : {}),
  auth: (packet) => ({ reasonCode: packet.reasonCode }),
};
for (const type of ["puback", "pubrec", "pubrel", "pubcomp"]) {
  READ[type] = (packet, version) => ({ packetIdentifier: packet.messageId, ...(version === 5 && { reasonCode: packet.reasonCode }) });
}

/** What mqtt-packet makes of the first packet of `bytes`: `{ packet }`, `{ error }`, or `{ unfinished: true }`. */
export function read(bytes, version) {
  const parser = mqttPacket.parser({ protocolVersion: version });
  let found;
  parser.on("packet", (packet) => (found ??= { packet }));
  parser.on("error", (error) => (found ??= { error: error.message }));
  try {
    parser.parse(Buffer.from(bytes));
  } catch (error) {
    found ??= { error: `thrown: ${error.message}` }; // it would have reached the program around it
  }
  if (!found?.packet) return found ?? { unfinished: true };
  const { packet } = found;
  const spoken = packet.cmd === "connect" ? packet.protocolVersion : version;
  const ours = { type: packet.cmd, ...READ[packet.cmd](packet, spoken) };
  const bears = !["pingreq", "pingresp"].includes(packet.cmd) && spoken === 5;
  return { packet: bears ? { ...ours, properties: properties(packet.properties) } : ours };
}

/** The bytes that mqtt-packet makes of one of its own packets. */
export const write = (packet, version) => new Uint8Array(mqttPacket.generate(packet, { protocolVersion: version }));
