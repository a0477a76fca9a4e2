// Another codec, npm's mqtt-packet, reads the same bytes: where both accept a packet, they find the same in it. What only one
// of them accepts is not judged here (mqtt-packet checks far less): the vectors are for that.
//
// TARTA_TEST_SEED chooses the random packets, TARTA_MUTATIONS how many changed ones there are.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Inspector, vectors } from "../web/packets.mjs";
import { byName, read, write } from "./mqtt-packet.mjs";
import { mutate, packet, Random, TYPES } from "./random-packets.mjs";

const seed = Number(process.env.TARTA_TEST_SEED ?? 1);
const mutations = Number(process.env.TARTA_MUTATIONS ?? 100_000);
const inspector = new Inspector();

const FROM_CLIENT = ["connect", "subscribe", "unsubscribe", "pingreq"];
const FROM_SERVER = ["connack", "suback", "unsuback", "pingresp"];
const types = ["", ...TYPES];

/** What our codec makes of the first packet, in the shape that mqtt-packet's is brought to. */
function readOurs(bytes, version) {
  const type = types[bytes[0] >> 4];
  const senders = FROM_CLIENT.includes(type) ? ["client"] : FROM_SERVER.includes(type) ? ["server"] : ["client", "server"];
  const results = senders.map((from) => inspector.inspect(bytes, version, from));
  const { packet, size } = results.find((result) => result.packet) ?? {};
  if (!packet) return results[0];
  for (const name of ["properties", "willProperties"]) {
    if (packet[name]?.userProperties) packet[name].userProperties = byName(packet[name].userProperties);
  }
  return { packet, size };
}

/** 1 if both have accepted the packet. */
function compare(bytes, version) {
  const ours = readOurs(bytes, version);
  if (!ours.packet) return 0;
  // mqtt-packet reads on into the next packet where a DISCONNECT is empty (5.0 §3.14.2.1): it gets this one alone.
  const theirs = read(bytes.subarray(0, ours.size), version);
  if (!theirs.packet) return 0;
  try {
    assert.deepEqual(theirs.packet, ours.packet);
  } catch (error) {
    error.message = `version ${version}, ${Buffer.from(bytes).toString("hex")}\n${error.message}`;
    throw error;
  }
  return 1;
}

test("the wire vectors", (t) => {
  let both = 0;
  for (const { bytes, versions, packet: expected } of vectors()) {
    if (bytes.length < 100_000) for (const version of versions) both += compare(bytes, expected?.protocolVersion ?? version);
  }
  t.diagnostic(`${both} accepted by both`);
  assert.ok(both > 500);
});

test("random packets of each type and version, as mqtt-packet writes them", (t) => {
  const random = new Random(seed);
  let all = 0;
  for (let round = 0; round < 400; round++) {
    for (const version of [3, 4, 5]) {
      for (const type of TYPES) {
        const made = packet(random, type, version);
        if (!made) continue;
        const bytes = write(made, version);
        const { packet: found, ...wrong } = readOurs(bytes, version);
        assert.ok(found, `version ${version}, ${Buffer.from(bytes).toString("hex")}: ${JSON.stringify(wrong)}`);
        all += compare(bytes, version);
      }
    }
  }
  t.diagnostic(`seed ${seed}, ${all} packets`);
  assert.ok(all > 10_000);
});

test("changed packets", (t) => {
  const random = new Random(seed + 1);
  let both = 0;
  for (let i = 0; i < mutations; i++) {
    const version = random.of([3, 4, 5]);
    const made = packet(random, random.of(TYPES), version);
    if (made) both += compare(mutate(random, write(made, version)), version);
  }
  t.diagnostic(`seed ${seed}, ${mutations} packets, ${both} accepted by both`);
  assert.ok(both > mutations / 10);
});
