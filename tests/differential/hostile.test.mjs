// A server that sends what it likes: packets with some bytes changed, to sessions of the WebAssembly module that go through
// connection after connection. Each is taken, or ends the connection with a typed error; nothing traps, nothing takes long,
// and the memory stays as it is.
//
// TARTA_TEST_SEED chooses the packets, TARTA_HOSTILE how many there are.
import assert from "node:assert/strict";
import { test } from "node:test";
import { errors, instantiate, options, table, vectors } from "../web/packets.mjs";
import { write } from "./mqtt-packet.mjs";
import { mutate, packet, Random } from "./random-packets.mjs";

const seed = Number(process.env.TARTA_TEST_SEED ?? 1);
const count = Number(process.env.TARTA_HOSTILE ?? 100_000);

const LONGEST = 50; // ms
const LARGEST = 64 * 1024; // packet; a larger one would swallow what comes after it
const GROWTH = 1024 * 1024;
const TYPES = ["connack", "publish", "puback", "pubrec", "pubrel", "pubcomp", "suback", "unsuback", "pingresp", "disconnect", "auth"];
const VERSIONS = [3, 4, 5];
const kinds = Object.fromEntries(table("event.def", "TARTA_EVENT").map(([number, name]) => [name, Number(number)]));
const CONNACK = { 3: [0x20, 2, 0, 0], 4: [0x20, 2, 0, 0], 5: [0x20, 3, 0, 0, 0] };
const MORE = 1 << 29;
const WORDS = MORE - 1;

class Host {
  constructor(version) {
    this.core = instantiate();
    this.session = this.core.create(1, 2);
    this.status = this.core.status_of(this.session) >>> 2;
    this.now = 0;
    this.open = false;
    this.serial = 0; // of the last message that wants an acknowledgement
    this.core.set_number(this.session, options.indexOf("version"), version);
    this.core.set_number(this.session, options.indexOf("maximum_packet_size"), LARGEST);
    this.version = version;
  }

  get words() {
    return new Uint32Array(this.core.memory.buffer);
  }

  connect() {
    this.open = true;
    assert.equal(this.core.transport_opened(this.session, 0, this.now, this.now), 0);
    this.receive(CONNACK[this.version]);
  }

  /** The name of the error that the connection ended with, if it did. */
  receive(bytes) {
    let closed;
    for (let at = 0; at < bytes.length && !closed; ) {
      const left = bytes.length - at;
      const size = Math.min(left, 65_536);
      const area = this.core.receive_area(this.session, size) >>> 0;
      new Uint8Array(this.core.memory.buffer).set(bytes.slice(at, at + size), area);
      let result = this.core.receive(this.session, size, left);
      closed = this.walk(result);
      while (result & MORE) closed ??= this.walk((result = this.core.more(this.session)));
      const { words } = this;
      const consumed = words[this.status + 5];
      at += consumed;
      const skip = Math.min(words[this.status + 7], bytes.length - at);
      if (skip > 0) {
        this.core.skipped(this.session, skip);
        at += skip;
      } else if (consumed === 0) break;
    }
    this.core.delivered(this.session, this.serial);
    this.core.sent(this.session);
    closed ??= this.walk(this.core.tick(this.session, ++this.now, this.now));
    this.core.sent(this.session);
    if (closed) this.lose();
    return closed;
  }

  /** Is a packet unfinished? */
  get waits() {
    return this.words[this.status + 6] > 0 || this.words[this.status + 7] > 0;
  }

  lose() {
    this.core.transport_closed(this.session, this.now, this.now);
    this.open = false;
  }

  walk(result) {
    const { words } = this;
    let at = words[this.status] >>> 2;
    for (const end = at + (result & WORDS); at < end; ) {
      const size = words[at] >>> 16 || words[at + 1];
      assert.ok(size > 0 && at + size <= end, "records follow each other");
      if ((words[at] & 0x10ff) === (kinds.message | 0x1000)) this.serial = words[at + 5]; // of QoS 1 or 2
      if ((words[at] & 0xff) === kinds.closed) return errors[words[at + 1]];
      at += size;
    }
    return undefined;
  }
}

/** As slow in a session of its own, each time? The machine may have been busy. */
const isSlow = (bytes, version) =>
  [1, 2, 3].every(() => {
    const host = new Host(version);
    host.connect();
    const begin = performance.now();
    host.receive(bytes);
    return performance.now() - begin > LONGEST;
  });

// Statements: classes 3, 4
test("changed packets of a server: an error with a name, or on it goes", { timeout: 600_000 }, (t) => {
  const random = new Random(seed);
  const lawful = VERSIONS.map((version) => [
    ...vectors().filter(({ from, versions, bytes }) => from === "server" && versions.includes(version) && bytes.length < 2_000).map(({ bytes }) => bytes),
    ...Array.from({ length: 2_000 }, () => packet(random, random.of(TYPES), version)).filter(Boolean).map((one) => write(one, version)),
  ]);
  const hosts = VERSIONS.map((version) => new Host(version));
  const sizes = hosts.map(({ core }) => core.memory.buffer.byteLength);
  const endings = {};
  for (let i = 0; i < count; i++) {
    const which = random.below(VERSIONS.length);
    const host = hosts[which];
    if (!host.open) host.connect();
    const bytes = mutate(random, random.of(lawful[which]));
    const begin = performance.now();
    const closed = host.receive(bytes);
    if (performance.now() - begin > LONGEST) assert.ok(!isSlow(bytes, host.version), `slow: ${Buffer.from(bytes).toString("hex")}`);
    if (closed) endings[closed] = (endings[closed] ?? 0) + 1;
    else if (host.waits && random.oneIn(2)) host.lose();
  }
  const grown = hosts.map(({ core }, index) => core.memory.buffer.byteLength - sizes[index]);
  t.diagnostic(`seed ${seed}, ${count} packets, endings ${JSON.stringify(endings)}, memory grown by ${grown.join(", ")} bytes`);
  for (const growth of grown) assert.ok(growth <= GROWTH);
  for (const name of ["malformed_packet", "protocol_error", "packet_too_large", "server_disconnected"]) assert.ok(endings[name] > 0, name);
});
