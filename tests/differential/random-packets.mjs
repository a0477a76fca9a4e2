// Random packets that the specification allows, as mqtt-packet's objects; and random changes of bytes.
import { table } from "../web/packets.mjs";
import { theirNames } from "./mqtt-packet.mjs";

/** xorshift32: the same numbers for the same seed. */
export class Random {
  constructor(seed) {
    this.state = (seed ^ 0x9e3779b9) >>> 0 || 1;
  }
  next() {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (this.state = x >>> 0);
  }
  below(limit) {
    return this.next() % limit;
  }
  oneIn(count) {
    return this.below(count) === 0;
  }
  of(list) {
    return list[this.below(list.length)];
  }
  text(most = 12, letters = "abcdefgh/ åß温🍰\ufeff") {
    const all = [...letters];
    return Array.from({ length: this.below(most + 1) }, () => this.of(all)).join("");
  }
  bytes(most = 20) {
    return Buffer.from(Array.from({ length: this.below(most + 1) }, () => this.below(256)));
  }
}

const PROPERTIES = table("property.def", "TARTA_PROPERTY")
  .map(([, , name, type, rule, packets]) => ({ name, type, rule, packets: packets.split(" | ") }))
  .filter(({ name }) => theirNames.has(name));
const REASONS = table("reason.def", "TARTA_REASON").map(([code, , , packets]) => ({ code: Number(code), packets: packets.split(" | ") }));
const BOOLEANS = new Set(["payloadFormatIndicator", "requestProblemInformation", "requestResponseInformation", "retainAvailable",
  "wildcardSubscriptionAvailable", "subscriptionIdentifierAvailable", "sharedSubscriptionAvailable"]);

function value(random, { name, type, rule }) {
  const least = /nonzero|alias/.test(rule) ? 1 : 0;
  if (BOOLEANS.has(name)) return random.oneIn(2);
  if (rule === "boolean") return random.below(2);
  switch (type) {
    case "byte": return random.below(256);
    case "two_byte": return least + random.below(65_536 - least);
    case "four_byte": return least + random.below(0xffffffff);
    case "variable": return 1 + random.below(random.of([127, 16_383, 268_435_455]));
    case "data": return random.bytes();
    case "pair": return Object.fromEntries(Array.from({ length: 1 + random.below(3) }, () => [`k${random.text(4)}`, random.of([random.text(), [random.text(), random.text()]])]));
    default: return name === "responseTopic" ? `r${random.text(8, "abc/")}` : random.text();
  }
}

function properties(random, kind, without = []) {
  const chosen = PROPERTIES.filter(({ name, packets }) => packets.includes(kind) && !without.includes(name) && random.oneIn(3));
  return Object.fromEntries(chosen.map((row) => [theirNames.get(row.name), value(random, row)]));
}

const identifier = (random) => 1 + random.below(65_535);
const topic = (random) => `t${random.text(10)}`;
const filter = (random) => random.of(["#", "+", "a/+/b", "a/#", "$share/g/a/+", `f${random.text(8)}`]);
const reason = (random, kind) => random.of(REASONS.filter(({ packets }) => packets.includes(kind))).code;

export const TYPES = ["connect", "connack", "publish", "puback", "pubrec", "pubrel", "pubcomp", "subscribe", "suback", "unsubscribe",
  "unsuback", "pingreq", "pingresp", "disconnect", "auth"];

/** A packet of this type; undefined where the version has none. */
export function packet(random, cmd, version) {
  const five = version === 5;
  const kind = cmd.toUpperCase();
  const borne = (without) => (five ? { properties: properties(random, kind, without) } : {});
  const messageId = identifier(random);
  switch (cmd) {
    case "connect": {
      const will = random.oneIn(2) && {
        topic: topic(random), payload: random.bytes(), qos: random.below(3), retain: random.oneIn(2),
        ...(five && { properties: properties(random, "WILL") }),
      };
      const named = random.oneIn(2);
      // Authentication data is nothing without a method.
      return {
        cmd, protocolId: version === 3 ? "MQIsdp" : "MQTT", protocolVersion: version, clean: true, keepalive: random.below(65_536),
        clientId: `c${random.text(8)}`, ...(will && { will }), ...(named && { username: `u${random.text()}`, ...(random.oneIn(2) && { password: random.bytes() }) }),
        ...borne(["authenticationData"]),
      };
    }
    case "connack": {
      const code = five ? reason(random, kind) : random.below(6);
      return { cmd, sessionPresent: code === 0 && version > 3 && random.oneIn(2), ...(five ? { reasonCode: code } : { returnCode: code }), ...borne(["authenticationData"]) };
    }
    case "publish": {
      const qos = random.below(3);
      return { cmd, topic: topic(random), payload: random.bytes(200), qos, dup: qos > 0 && random.oneIn(2), retain: random.oneIn(2), ...(qos > 0 && { messageId }), ...borne(["subscriptionIdentifier"]) };
    }
    case "subscribe": {
      const subscriptions = Array.from({ length: 1 + random.below(4) }, () => {
        const name = filter(random);
        return { topic: name, qos: random.below(3), ...(five && { nl: !name.startsWith("$share") && random.oneIn(2), rap: random.oneIn(2), rh: random.below(3) }) };
      });
      return { cmd, messageId, subscriptions, ...borne() };
    }
    case "suback": {
      const granted = Array.from({ length: 1 + random.below(4) }, () => (five ? reason(random, kind) : random.of([0, 1, 2, 0x80])));
      return { cmd, messageId, granted, ...borne() };
    }
    case "unsubscribe":
      return { cmd, messageId, unsubscriptions: Array.from({ length: 1 + random.below(4) }, () => filter(random)), ...borne() };
    case "unsuback":
      return { cmd, messageId, ...(five && { granted: Array.from({ length: 1 + random.below(4) }, () => reason(random, kind)) }), ...borne() };
    case "pingreq":
    case "pingresp":
      return { cmd };
    case "disconnect":
      // Some reason codes, and this property, are of one side alone.
      return { cmd, ...(five && { reasonCode: reason(random, kind) }), ...borne(["sessionExpiryInterval"]) };
    case "auth": {
      if (!five) return undefined;
      const borneByAuth = { ...properties(random, kind), authenticationMethod: `m${random.text(4)}` };
      return { cmd, reasonCode: reason(random, kind), properties: borneByAuth };
    }
    default:
      return { cmd, messageId, ...(five && { reasonCode: reason(random, kind) }), ...borne() };
  }
}

/** The bytes with one to three of them changed, put in, or left out. */
export function mutate(random, bytes) {
  let all = [...bytes];
  for (let left = 1 + random.below(3); left > 0; left--) {
    const at = random.below(all.length + 1);
    const byte = random.of([0, 1, 2, 0x7f, 0x80, 0xff, random.below(256)]);
    switch (random.below(5)) {
      case 0: all.splice(at, 1); break;
      case 1: all.splice(at, 0, byte); break;
      case 2: all = all.slice(0, Math.max(at, 1)); break;
      case 3: if (at < all.length) all[at] ^= 1 << random.below(8); break;
      default: if (at < all.length) all[at] = byte;
    }
  }
  return Uint8Array.from(all.length > 0 ? all : [0]);
}
