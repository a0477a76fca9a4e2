// Every wire vector through the shipped WebAssembly module: the packet or the fault that is written there, whatever
// stands behind it, and at every cut through its bytes "unfinished". The same codec encodes the packets again, in a module
// that exports that too (tests/core/reencode_abi.cpp). tests/core/vectors_test.cpp does the same natively.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Inspector, errorOfFault, faults, instantiate, table, vectors } from "./packets.mjs";

const core = instantiate();
const shared = new Inspector(core);
const all = vectors();

// Faults that the fixed header shows, so that they may be found before the packet is complete.
const early = new Set(["packet_type_reserved", "flags_reserved", "length_not_minimal", "length_too_long", "packet_too_large",
  "wrong_direction", "publish_qos", "publish_dup"]);

// Faults that more than one packet is needed for: scripts of sessions have them.
const ofSessions = new Set(["topic_alias_too_large", "topic_alias_unknown", "authentication_method_changed",
  "authentication_unexpected", "connack_expected", "connack_repeated", "session_unexpected", "acknowledgement_kind",
  "acknowledgement_count", "receive_maximum", "qos_changed", "problem_information", "response_information"]);

/** `reencode` of the module for tests: `{ bytes }`, or the fault. */
const codecTest = instantiate(new URL("../../build/wasm/codec-test.wasm", import.meta.url));
const codecSession = codecTest.create(1, 2);

function reencode(input, version, from, maximumPacketSize) {
  const area = codecTest.scratch(codecSession, input.length) >>> 0;
  new Uint8Array(codecTest.memory.buffer).set(input, area);
  const result = codecTest.reencode(area, input.length, version, from === "client" ? 1 : 0, maximumPacketSize) >>> 0;
  const [fault, address, size] = new Uint32Array(codecTest.memory.buffer, result, 3);
  return fault ? { fault: faults[fault] } : { bytes: new Uint8Array(codecTest.memory.buffer).slice(address, address + size) };
}

/** Where to cut: everywhere, but in a long packet only near its ends and a few hundred times in between. */
function* cuts(length) {
  const stride = Math.ceil(length / 400);
  for (let cut = 0; cut < length; cut += cut < 64 || cut + stride > length - 64 ? 1 : stride) yield cut;
}

function check({ bytes, from, fault, packet, canonical, maximumPacketSize }, version) {
  const inspector = maximumPacketSize ? new Inspector(core) : shared;
  if (maximumPacketSize) inspector.maximumPacketSize = maximumPacketSize;
  const expected = fault ? { fault, error: errorOfFault[fault] } : { packet, size: bytes.length };

  const result = inspector.inspect(bytes, version, from);
  assert.deepEqual(result, expected);
  for (const name of ["properties", "willProperties"]) {
    if (packet?.[name]) assert.deepEqual(Object.keys(result.packet[name]), Object.keys(packet[name]), "the order of properties");
  }

  const again = reencode(bytes, version, from, maximumPacketSize ?? 16_777_216);
  if (fault) assert.deepEqual(again, { fault });
  else {
    assert.equal(Buffer.compare(again.bytes, bytes) === 0, canonical !== false, "encoded again, the same bytes if canonical");
    assert.deepEqual(inspector.inspect(again.bytes, version, from), { packet, size: again.bytes.length }, "encoded again, the same packet");
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

test("every property has a vector", () => {
  const shown = new Set(all.flatMap(({ packet }) => [...Object.keys(packet?.properties ?? {}), ...Object.keys(packet?.willProperties ?? {})]));
  assert.deepEqual(table("property.def", "TARTA_PROPERTY").map(([, , name]) => name).filter((name) => !shown.has(name)), []);
});
