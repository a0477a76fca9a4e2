// Every wire vector through the shipped WebAssembly module: the packet or the fault that is written there, whatever
// stands behind it, and at every cut through its bytes "unfinished".

import assert from "node:assert/strict";
import { test } from "node:test";
import { Inspector, errorOfFault, faults, instantiate, vectors } from "./packets.mjs";

const core = instantiate();
const shared = new Inspector(core);
const all = vectors();

// Faults that the fixed header shows, so that they may be found before the packet is complete.
const early = new Set(["packet_type_reserved", "flags_reserved", "length_not_minimal", "length_too_long", "packet_too_large",
  "wrong_direction", "publish_qos", "publish_dup"]);

// Faults that more than one packet is needed for: scripts of sessions have them.
const ofSessions = new Set(["topic_alias_too_large", "topic_alias_unknown", "authentication_method_changed",
  "authentication_unexpected", "connack_expected", "connack_repeated", "session_unexpected", "acknowledgement_kind",
  "acknowledgement_count", "receive_maximum", "qos_changed", "problem_information"]);

/** Where to cut: everywhere, but in a long packet only near its ends and a few hundred times in between. */
function* cuts(length) {
  const stride = Math.ceil(length / 400);
  for (let cut = 0; cut < length; cut += cut < 64 || cut + stride > length - 64 ? 1 : stride) yield cut;
}

function check({ bytes, from, fault, packet, maximumPacketSize }, version) {
  const inspector = maximumPacketSize ? new Inspector(core) : shared;
  if (maximumPacketSize) inspector.maximumPacketSize = maximumPacketSize;
  const expected = fault ? { fault, error: errorOfFault[fault] } : { packet, size: bytes.length };

  const result = inspector.inspect(bytes, version, from);
  assert.deepEqual(result, expected);
  for (const name of ["properties", "willProperties"]) {
    if (packet?.[name]) assert.deepEqual(Object.keys(result.packet[name]), Object.keys(packet[name]), "the order of properties");
  }

  const followed = new Uint8Array(bytes.length + 64).fill(0x61);
  followed.set(bytes);
  assert.deepEqual(inspector.inspect(followed, version, from), expected, "with more bytes behind it");

  let found = false;
  for (const cut of cuts(bytes.length)) {
    const part = inspector.inspect(bytes.subarray(0, cut), version, from);
    found ||= early.has(fault) && part.fault !== undefined;
    assert.deepEqual(part, found ? expected : { unfinished: true }, `cut after ${cut} bytes`);
  }
  if (maximumPacketSize) inspector.destroy();
}

for (const file of new Set(all.map((vector) => vector.file))) {
  test(`wire vectors: ${file.replace(".json", "")}`, () => {
    const wrong = [];
    for (const vector of all.filter((one) => one.file === file)) {
      // A CONNECT that is accepted tells its version itself.
      for (const version of vector.packet?.type === "connect" ? [3, 4, 5] : vector.versions) {
        try {
          check(vector, version);
        } catch (error) {
          wrong.push(`${vector.name} (version ${version}): ${error.message}`);
        }
      }
    }
    assert.equal(wrong.length, 0, `\n${wrong.join("\n\n")}`);
  });
}

test("every fault that one packet can show has a vector", () => {
  const shown = new Set(all.map(({ fault }) => fault));
  assert.deepEqual(faults.filter((fault) => fault !== "none" && shown.has(fault) === ofSessions.has(fault)), []);
});
