// Each wire vector that a server may not send, sent to a client over a WebSocket: it says DISCONNECT with the reason code
// of the fault (5.0 §4.13), closes, tells a typed error, and takes nothing that follows in the same message.
import assert from "node:assert/strict";
import test from "node:test";
import { Client, MqttError } from "tarta";
import { CONNECT, connack, DISCONNECT, FakeBroker, packet, publish } from "./fake-broker.mjs";
import { errorOfFault, table, vectors } from "./packets.mjs";

const CONNACK_TYPE = 2;
const reasons = Object.fromEntries(table("reason.def", "TARTA_REASON").map(([code, name]) => [name, Number(code)]));
const reasonOfFault = Object.fromEntries(table("fault.def", "TARTA_FAULT").map(([name, reason]) => [name, reasons[reason]]));
const accepted = { 3: packet(0x20, [0, 0]), 4: packet(0x20, [0, 0]), 5: connack() };
const message = { 3: packet(0x30, [0, 1], "a"), 4: packet(0x30, [0, 1], "a"), 5: publish("a", "") };

const faulty = vectors().filter(({ from, fault }) => from === "server" && fault);

for (const version of [3, 4, 5]) {
  // Statements: classes 1, 2, 15
  test(`each faulty vector of version ${version}`, async (t) => {
    const broker = await FakeBroker.start();
    t.after(() => broker.stop());
    let count = 0;
    for (const { name, file, versions, bytes, fault, maximumPacketSize } of faulty) {
      if (!versions.includes(version)) continue;
      const told = [];
      const client = new Client(broker.url, {
        version, reconnect: false, ...(maximumPacketSize && { maximumPacketSize }), routes: { "#": () => told.push("message") },
      });
      const ending = new Promise((resolve) => client.addEventListener("state", ({ detail }) => detail.state === "closed" && resolve(detail.reason)));
      client.connect().catch(() => {});
      const peer = await broker.accept();
      await peer.expect(CONNECT);
      const instead = bytes[0] >> 4 === CONNACK_TYPE;
      peer.send(...(instead ? [] : [accepted[version]]), bytes, message[version]);
      const error = await ending;
      const where = `${file}: ${name}`;
      assert.ok(error instanceof MqttError, where);
      assert.equal(error.code, errorOfFault[fault].toUpperCase(), where);
      assert.deepEqual(told, [], where);
      const last = await peer.next();
      if (version === 5) assert.deepEqual([last?.type, last?.body[0]], [DISCONNECT, reasonOfFault[fault]], where);
      else assert.equal(last, null, where);
      await peer.ended();
      count++;
    }
    t.diagnostic(`${count} vectors`);
    assert.ok(count > 100);
  });
}
