// The packets that go over the line, for whoever listens to them: decoded by the core, told when the turn is over.
import { packetSize, type Engine } from "./engine/engine.js";
import { decodeText } from "./engine/memory.js";
import { join } from "./engine/walk.js";
import { FIELDS, type PacketFields } from "./generated/fields.js";
import { redact } from "./options.js";
import { parseProperties } from "./properties.js";

// By their numbers (5.0 §2.1.2).
const TYPES = [
  "", "connect", "connack", "publish", "puback", "pubrec", "pubrel", "pubcomp", "subscribe", "suback", "unsubscribe", "unsuback",
  "pingreq", "pingresp", "disconnect", "auth",
] as const;

/** A packet that has gone over the line. */
export interface Packet extends PacketFields {
  direction: "in" | "out";
  type: Exclude<(typeof TYPES)[number], "">;
  /** What was left out, as it might let somebody in: user name, password, authentication data, User Properties of CONNECT. */
  redacted: string[];
}

/** A direction of a connection, cut into packets. */
class Stream {
  #chunks: Uint8Array[] = [];
  #size = 0;
  #needed = 0; // bytes until there is something to look at

  /** Returns the packets that are complete now. */
  add(chunk: Uint8Array): Uint8Array[] {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    if (this.#size < this.#needed) return [];
    const packets = [];
    let rest = new Uint8Array(join(this.#chunks));
    while ((this.#needed = packetSize(rest)) <= rest.length) {
      packets.push(rest.subarray(0, this.#needed));
      rest = rest.subarray(this.#needed);
    }
    this.#chunks = [rest];
    this.#size = rest.length;
    return packets;
  }
}

/** Sees what goes in and out. */
export class Tap {
  readonly #engine: Engine<any>;
  readonly #told: (packet: Packet) => void;
  #streams: { in?: Stream; out: Stream } = { out: new Stream() };
  /** Of the connection that there is. */
  version: number;
  #seen: { direction: Packet["direction"]; packet: Uint8Array }[] = [];

  constructor(engine: Engine<any>, version: number, told: (packet: Packet) => void) {
    this.#engine = engine;
    this.version = version;
    this.#told = told;
  }

  /** A connection begins. */
  begin(): void {
    this.#streams = { in: new Stream(), out: new Stream() };
  }

  /** `bytes` may be overwritten when this has returned; what comes in is yet to be given to the engine. */
  add(direction: Packet["direction"], bytes: Uint8Array): void {
    // Of what has come in part nobody knows where it ends.
    if (direction === "in" && !this.#engine.midPacket) this.#streams.in ??= new Stream();
    const packets = this.#streams[direction]?.add(bytes.slice()) ?? [];
    if (this.#seen.length === 0 && packets.length > 0) queueMicrotask(() => this.#tell());
    for (const packet of packets) this.#seen.push({ direction, packet });
  }

  #tell(): void {
    for (const { direction, packet } of this.#seen.splice(0)) {
      const words = this.#engine.inspect(packet, this.version, direction === "out");
      if (!words) continue; // it is malformed: the end of the connection tells how
      const told = describe(direction, words, packet);
      this.version = told.protocolVersion ?? this.version;
      this.#told(told);
    }
  }
}

/** @param words as core/field.def says; their offsets count in `input` */
function describe(direction: Packet["direction"], words: Uint32Array, input: Uint8Array): Packet {
  const packet: Packet = { direction, type: TYPES[words[0]!] as Packet["type"], redacted: [] };
  const fields = packet as unknown as Record<string, unknown>;
  for (let at = 1; at < words.length; at += 3) {
    const [number, first, second] = words.subarray(at, at + 3) as unknown as [number, number, number];
    const [name, form] = FIELDS[number]!;
    const bytes = () => input.slice(first, first + second);
    if (name === "username" || name === "password") packet.redacted.push(name);
    else if (name === "options") packet.subscriptions!.at(-1)!.options = first;
    else if (form === "number") fields[name] = first;
    else if (form === "flag") fields[name] = first > 0;
    else if (form === "text") fields[name] = decodeText(bytes());
    else if (form === "data") fields[name] = bytes();
    else if (form === "codes") fields[name] = [...bytes()];
    else if (form === "properties") fields[name] = parseProperties(bytes());
    else if (packet.type === "subscribe") (packet.subscriptions ??= []).push({ filter: decodeText(bytes()), options: 0 });
    else (packet.filters ??= []).push(decodeText(bytes()));
  }
  const { properties } = packet;
  if (properties) hide(packet, properties);
  return packet;
}

function hide({ type, redacted }: Packet, properties: NonNullable<Packet["properties"]>): void {
  const secrets = type === "connect" ? (["authenticationData", "userProperties"] as const) : (["authenticationData"] as const);
  for (const name of secrets) {
    if (!properties[name]) continue;
    delete properties[name];
    redacted.push(name);
  }
  for (const name of ["serverReference", "reasonString"] as const) if (properties[name]) properties[name] = redact(properties[name]);
}
