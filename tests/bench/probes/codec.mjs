// The codec alone, without a WebSocket: `node codec.mjs CODEC ROUNDS` prints the ns of a PUBLISH, decoded and encoded.
import { readFileSync } from "node:fs";
import { generate, parser } from "mqtt-packet";
import { options } from "../../web/packets.mjs";
import { source } from "../../web/source.mjs";
import { median } from "../figures.mjs";
import { payloadOf, topicOf, workloads } from "../workloads.mjs";

const [codec, counted] = process.argv.slice(2);
const rounds = Number(counted);
const workload = workloads["receive-0-joined"];
const MESSAGES = 50_000; // of a round
const TURN = 500; // publishes that leave together
const NO_EXPIRY = 0xffffffff; // wasm/tarta.h

const topics = Array.from({ length: workload.topics }, (_, number) => topicOf(workload, number));
const payloads = topics.map((_, number) => payloadOf(workload, number));
const packets = topics.map((topic, number) => generate({ cmd: "publish", topic, payload: payloads[number], qos: 0 }));
const bytes = Buffer.concat(Array.from({ length: MESSAGES }, (_, number) => packets[number % packets.length]));
const chunks = [];
for (let at = 0; at < bytes.length; at += workload.joined) chunks.push(bytes.subarray(at, at + workload.joined));

/** Each takes the payload bytes it finds to `found`, and the bytes that it writes to `written`. */
const codecs = {
  mqttPacket({ found, written }) {
    const reader = parser({ protocolVersion: 4 });
    reader.on("packet", ({ payload }) => found(payload.length));
    return {
      decode: (chunk) => reader.parse(chunk),
      encode: (number) => written(generate({ cmd: "publish", topic: topics[number], payload: payloads[number], qos: 0 }).length),
      flush() {},
    };
  },

  /** The engine of the client, without the client. */
  async tarta({ found, written }) {
    const [{ Engine }, { loadNow }] = await Promise.all([source("engine/engine.ts"), source("engine/loader.ts")]);
    const core = loadNow(new WebAssembly.Module(readFileSync(new URL(import.meta.resolve("tarta/core.wasm")))));
    const nothing = () => {};
    const engine = new Engine(core, {
      deliveries: { message: (topic, flags, bytes, at, length) => found(length), chunkEnd: nothing, matched: nothing },
      connection: { connected: nothing, flushed: nothing },
    });
    engine.command("set_number", options.indexOf("version"), 4);
    topics.forEach((topic, number) => engine.command("define_topic", number, engine.put(Buffer.from(topic))));
    let connected = false;
    engine.opened(0, (output) => connected && written(output.length));
    engine.receive(new Uint8Array([0x20, 2, 0, 0])); // CONNACK (3.1.1 §3.2)
    connected = true;
    const none = new Uint8Array(0);
    return {
      decode: (chunk) => engine.receive(chunk),
      encode(number) {
        if (engine.publish(0, number, 0, payloads[number], none, NO_EXPIRY) !== 0) throw new Error("it was not published");
      },
      flush: () => engine.flush(),
    };
  },
};

let read = 0;
let wrote = 0;
const { decode, encode, flush } = await codecs[codec]({ found: (length) => (read += length), written: (length) => (wrote += length) });

/** ns per message: the median of the rounds, after one to warm up. */
function time(run) {
  run();
  read = wrote = 0;
  return median(Array.from({ length: rounds }, () => {
    const begin = performance.now();
    run();
    return ((performance.now() - begin) * 1e6) / MESSAGES;
  }));
}

const decoding = time(() => chunks.forEach(decode));
if (read !== rounds * MESSAGES * workload.payload) throw new Error("it has not found all messages");
const encoding = time(() => {
  for (let number = 0; number < MESSAGES; number++) {
    encode(number % topics.length);
    if (number % TURN === TURN - 1) flush();
  }
});
if (wrote !== rounds * bytes.length) throw new Error("it has not written all messages");
console.log(JSON.stringify({ decode: decoding, encode: encoding }));
process.exit();
