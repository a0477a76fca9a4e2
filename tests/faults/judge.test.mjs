// That the judge finds what is wrong: each thing that it looks for, done on purpose.
import assert from "node:assert/strict";
import { test } from "node:test";
import { WebSocket } from "ws";
import { until } from "../web/kit.mjs";
import { acknowledgement, identifier, packet, publish, PUBACK, PUBCOMP, PUBREC, PUBREL } from "../web/fake-broker.mjs";
import { DurableBroker } from "./broker.mjs";
import { Findings, judgeIn, judgeOut } from "./judge.mjs";

// ---- what became of messages ----

const message = (number, qos, more) => ({ number, qos, topic: "t", text: `${number} text`, state: "resolved", released: true, ...more });
const byText = (messages) => new Map(messages.map((one) => [one.text, one]));

function outcome(judge) {
  const findings = new Findings();
  judge(findings);
  try {
    findings.check("found");
    return "";
  } catch ({ message: text }) {
    return text;
  }
}

const [a, b, c] = [message(0, 1), message(1, 2), message(2, 2)];
const lost = message(3, 2, { state: "rejected", inDoubt: true, error: { code: "SESSION_LOST" } });

for (const [what, sent, log, found] of [
  ["nothing, when all has come", [a, b, c], [a, b, c], /^$/],
  ["nothing, when QoS 1 comes twice, or QoS 2 before it", [a, b, c], [b, c, a, a], /^$/],
  ["what was lost", [a, b], [a], /out, lost \(1\): 1 at QoS 2/],
  ["what was stored, rejected, and lost", [message(0, 1, { state: "rejected", stored: true })], [], /out, lost \(1\): 0/],
  ["what came twice at QoS 2", [b, c], [b, c, b], /out, twice at QoS 2 \(1\): 1/],
  ["what came out of order", [b, c], [c, b], /out, out of order at QoS 2 \(1\): 1 behind 2/],
  ["what was rejected", [message(0, 1, { state: "rejected", error: { code: "SESSION_LOST" }, inDoubt: true })], [], /out, rejected \(1\): 0 at QoS 1: SESSION_LOST/],
  ["QoS 2 that was rejected without a reason", [{ ...lost, inDoubt: false }], [], /out, rejected/],
  ["nothing in QoS 2 that is in doubt", [lost], [], /^$/],
  ["what was never settled", [message(0, 1, { state: "pending" })], [a], /out, never settled \(1\): 0/],
  ["what resolved before its PUBREL", [b], [{ ...b, released: undefined }], /out, resolved before PUBREL \(1\): 1/],
  ["what is not as it was sent", [a], [a, { ...a, text: "0 other" }], /out, was never sent so \(1\): 0/],
]) {
  test(`of messages of the client it finds ${what}`, () => assert.match(outcome((findings) => judgeOut(findings, byText(sent), log)), found));
}

const delivery = (number, qos, more) => ({ qos, topic: "t", text: `${number} text`, completed: true, ...more });
const [d, e] = [delivery(0, 2), delivery(1, 2)];

for (const [what, deliveries, received, found] of [
  ["nothing, when all has come", [d, e], [d, e], /^$/],
  ["nothing, when what was in hand comes again", [d, e], [{ ...d, inHand: true }, d, e], /^$/],
  ["what was acknowledged, and no handler had", [d, e], [d], /in, lost \(1\): 1 at QoS 2/],
  ["what was received, went with the session, and no handler had", [delivery(0, 2, { completed: false, received: true, gone: true })], [], /in, lost/],
  ["what came twice", [d, e], [d, d, e], /in, twice at QoS 2 \(1\): 0/],
  ["what came twice after it was in hand", [d], [{ ...d, inHand: true }, d, d], /in, twice at QoS 2 \(1\): 0/],
  ["what came out of order", [d, e], [e, d], /in, out of order at QoS 2 \(1\): 0 behind 1/],
  ["what was never acknowledged", [delivery(0, 1, { completed: false })], [delivery(0, 1)], /in, never acknowledged \(1\): 0/],
]) {
  test(`of messages to the client it finds ${what}`, () => assert.match(outcome((findings) => judgeIn(findings, deliveries, received)), found));
}

// ---- what a client may not do ----

const hello = (clean) => packet(0x10, [0, 4, ..."MQTT"].map((one) => (typeof one === "number" ? one : one.charCodeAt(0))),
  [5, clean ? 2 : 0, 0, 0], [5, 0x11, 0, 0, 1, 0], [0, 2, 0x6d, 0x65]); // Session Expiry 256 s, client identifier "me"
const subscribe = packet(0x82, [0, 9], 0, [0, 1, 0x74, 2]); // to "t", at QoS 2
const one = (text, more) => publish("t", text, { qos: 2, ...more });
const dup = { dup: 1 };
const again = "again"; // another connection

for (const [text, packets] of [
  ["1 is used for another message", [one("a"), one("b", dup)]],
  ["1 is used for another message", [one("a"), publish("t", "a", { qos: 1, dup: 1 })]],
  ["1 comes again without DUP", [one("a"), again, one("a")]],
  ["1 comes again without DUP", [publish("t", "a", { qos: 1 }), again, publish("t", "a", { qos: 1 })]],
  ["1: PUBLISH after PUBREL", [one("a"), acknowledgement(PUBREL, 1), again, one("a", dup)]],
  ["1: DUP, though the session is new", [one("a", dup)]],
  ["1 is sent again out of order", [one("a"), one("b", { id: 2 }), again, one("b", { id: 2, ...dup }), one("a", dup)]],
  ["1 is sent again out of order", [one("a"), again, one("a", dup), one("a", dup)]],
  ["PUBREL for 1, which is not held", [acknowledgement(PUBREL, 1)]],
  ["PUBREL for 1, which is not held", [one("a"), acknowledgement(PUBREL, 1), acknowledgement(PUBREL, 1)]],
  ["PUBREL for 1 is out of order", [one("a"), one("b", { id: 2 }), acknowledgement(PUBREL, 2), acknowledgement(PUBREL, 1)]],
  ["PUBREL for 1 with 146", [one("a"), acknowledgement(PUBREL, 1, 0x92)]],
  ["PUBACK for 7, which does not wait for it", [acknowledgement(PUBACK, 7)]],
  ["PUBACK for 2 is out of order", [subscribe, 1, 1, acknowledgement(PUBACK, 2)]],
  ["PUBREC for 2 is out of order", [subscribe, 2, 2, acknowledgement(PUBREC, 2)]],
  ["PUBACK for 1, which does not wait for it", [subscribe, 1, acknowledgement(PUBACK, 1), acknowledgement(PUBACK, 1)]],
  ["PUBREC for 1, which does not wait for it", [subscribe, 1, acknowledgement(PUBREC, 1)]],
  ["PUBREC for 1, which does not wait for it", [subscribe, 2, acknowledgement(PUBREC, 1), again, acknowledgement(PUBREC, 1)]],
  ["PUBACK for 1, which does not wait for it", [subscribe, 2, acknowledgement(PUBACK, 1)]],
  ["PUBCOMP for 1, which does not wait for it", [subscribe, 2, acknowledgement(PUBCOMP, 1)]],
  ["PUBCOMP for 1 with 146", [subscribe, 2, acknowledgement(PUBREC, 1), acknowledgement(PUBCOMP, 1, 0x92)]],
  ["more than 2 messages at once", [one("a"), one("b", { id: 2 }), one("c", { id: 3 })]],
  ["topic alias 2, which stands for nothing on this connection", [one("a", { properties: [0x23, 0, 2] }), again, publish("", "b", { properties: [0x23, 0, 2] })]],
  ["topic alias 9", [one("a", { properties: [0x23, 0, 9] })]],
  ["an empty WebSocket message", [Buffer.alloc(0)]],
  ["packet type 12 after DISCONNECT", [Buffer.concat([packet(0xe0), packet(0xc0)])]],
  ["packet type 1 once more", [hello(false)]],
  ["flags 0 of packet type 6", [packet(0x60, [0, 1])]],
  ["packet identifier 0", [one("a", { id: 0 })]],
]) {
  test(`a broker notes: ${text}`, { timeout: 5000 }, async (t) => {
    const broker = await DurableBroker.start({ receiveMaximum: 2, topicAliasMaximum: 2 });
    let socket;
    t.after(async () => {
      socket.terminate();
      await broker.stop();
    });
    const open = async (clean) => {
      socket?.terminate();
      const count = broker.connections.length;
      socket = new WebSocket(broker.url, "mqtt");
      socket.on("error", () => {});
      await new Promise((resolve) => socket.once("open", resolve));
      socket.send(hello(clean));
      await until(() => broker.connections[count]?.session);
    };
    await open(true);
    for (const step of packets) {
      if (step === again) await open(false);
      else if (typeof step === "number") broker.publish("t", String(step), step);
      else socket.send(step);
      let answered = false;
      socket.ping();
      socket.once("pong", () => (answered = true));
      await until(() => answered || broker.violations.length > 0 || socket.readyState !== WebSocket.OPEN);
    }
    await until(() => broker.violations.length > 0);
    assert.ok(broker.violations[0].includes(text), broker.violations.join("\n"));
  });
}
