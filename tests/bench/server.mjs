// The server of the benchmark, a process of its own: just enough MQTT 3.1.1 for one client, and bytes that are made before
// anything is measured. `node server.mjs` prints its port; the URL's path names the workload and how many messages there will
// be in all.
//
// The client says with a message on "$start" how many it wants to receive or publish now, and on which topic it is to be told
// how it went: the checksum of what was sent or received.
import { frame, listen } from "./websocket.mjs";
import { add, batchOf, payloadOf, sumOf, topicOf, workloads } from "./workloads.mjs";

const CONNECT = 1, PUBLISH = 3, PUBACK = 4, PUBREC = 5, PUBREL = 6, PUBCOMP = 7, SUBSCRIBE = 8, PINGREQ = 12;
const WINDOW = 1_000; // messages of QoS 1 and 2 under way
const CYCLE = 10_000; // messages that are made, then repeated; the identifiers go round with them

const packet = (first, body) => {
  const length = [];
  for (let left = body.length; ; left >>>= 7) {
    length.push((left & 127) | (left > 127 ? 128 : 0));
    if (left <= 127) break;
  }
  return Buffer.concat([Buffer.from([first, ...length]), body]);
};
const two = (number) => Buffer.from([number >> 8, number & 255]);
const acknowledgement = (first, id) => Buffer.from([first, 2, id >> 8, id & 255]);

function publish(workload, number, id) {
  const topic = Buffer.from(topicOf(workload, number));
  return packet(0x30 | (workload.qos << 1), Buffer.concat([two(topic.length), topic, workload.qos > 0 ? two(id) : Buffer.alloc(0), payloadOf(workload, number)]));
}

/** What is written of the messages from `from` to `to`, and their sum. */
function build(workload, from, to) {
  const packets = [];
  let sum = 0;
  for (let number = from; number < to; number++) {
    packets.push(publish(workload, number, (number % CYCLE) + 1));
    sum = add(sum, sumOf(topicOf(workload, number), payloadOf(workload, number)));
  }
  let frames = [];
  if (workload.joined === 0) frames = packets.map((one) => frame(one));
  else {
    const all = Buffer.concat(packets);
    for (let at = 0; at < all.length; at += workload.joined) frames.push(frame(all.subarray(at, at + workload.joined)));
  }
  return { writes: workload.apart ? frames : [Buffer.concat(frames)], sum };
}

class Session {
  constructor(socket, workload, total) {
    this.socket = socket;
    this.workload = workload;
    this.goal = 0; // messages of this time
    this.rest = Buffer.alloc(0);
    if (workload.kind === "receive") this.prepare(total);
    socket.on("drain", () => this.pump());
  }

  // All that differs is made before the client connects.
  prepare(total) {
    const cycle = Math.min(total, Math.max(CYCLE, this.workload.topics));
    this.batch = batchOf(this.workload);
    this.batches = [];
    for (let from = 0; from < cycle; from += this.batch) this.batches.push(build(this.workload, from, from + this.batch));
    this.next = 0;
  }

  receive(message) {
    const bytes = this.rest.length > 0 ? Buffer.concat([this.rest, message]) : message;
    const answers = [];
    let end = 0;
    for (const { type, flags, body } of whole(bytes, (at) => (end = at))) this.handle(type, flags, body, answers);
    this.rest = Buffer.from(bytes.subarray(end));
    if (answers.length > 0) this.socket.write(frame(Buffer.concat(answers)));
    this.pump();
  }

  handle(type, flags, body, answers) {
    switch (type) {
      case CONNECT:
        return answers.push(Buffer.from([0x20, 2, 0, 0]));
      case PINGREQ:
        return answers.push(Buffer.from([0xd0, 0]));
      case SUBSCRIBE: {
        let filters = 0;
        for (let at = 2; at < body.length; filters++) at += 3 + body.readUInt16BE(at);
        return answers.push(packet(0x90, Buffer.concat([body.subarray(0, 2), Buffer.alloc(filters, this.workload.qos)])));
      }
      case PUBLISH:
        return this.published(flags, body, answers);
      case PUBREL:
        this.finished(); // the QoS 2 message that was published
        return answers.push(acknowledgement(0x70, body.readUInt16BE(0)));
      case PUBREC:
        return answers.push(acknowledgement(0x62, body.readUInt16BE(0)));
      case PUBACK:
      case PUBCOMP:
        this.done++;
        return undefined;
      default:
        return undefined;
    }
  }

  // The client's message: counted, and answered.
  published(flags, body, answers) {
    const { kind } = this.workload;
    const qos = (flags >> 1) & 3;
    const end = 2 + body.readUInt16BE(0);
    const topic = body.latin1Slice(2, end);
    const payload = body.subarray(end + (qos > 0 ? 2 : 0));
    if (kind === "echo") return answers.push(packet(0x30, body));
    if (qos > 0 && kind !== "hold") answers.push(acknowledgement(qos === 1 ? 0x40 : 0x50, body.readUInt16BE(end)));
    if (topic === "$start") return this.start(JSON.parse(payload));
    this.sum = add(this.sum, sumOf(topic, payload));
    if (qos < 2 || kind === "hold") this.finished();
  }

  start({ count, signal }) {
    this.goal = count;
    this.signal = signal;
    this.sum = 0;
    this.sent = 0;
    this.done = 0; // published by the client, or acknowledged
  }

  finished() {
    if (++this.done === this.goal) this.tell(this.done);
  }

  pump() {
    const { batches, workload, goal } = this;
    if (workload.kind !== "receive" || goal === 0) return;
    while (this.sent < goal && !this.socket.writableNeedDrain && (workload.qos === 0 || this.sent - this.done < WINDOW)) {
      const { writes, sum } = batches[this.next++ % batches.length];
      this.sent += this.batch;
      this.sum = add(this.sum, sum);
      for (const bytes of writes) this.socket.write(bytes);
    }
    if (this.sent >= goal && (workload.qos === 0 || this.done >= this.sent)) this.tell(this.sent);
  }

  tell(count) {
    this.goal = 0;
    const topic = Buffer.from(this.signal);
    // Not shorter than a message of 64 bytes: u8-mqtt keeps a packet back until there are as many bytes as in the last one
    // that was split.
    const text = JSON.stringify({ sum: this.sum, count }).padEnd(100);
    this.socket.write(frame(packet(0x30, Buffer.concat([two(topic.length), topic, Buffer.from(text)]))));
  }
}

/** The whole packets of some bytes; `reached` is told where the last one ends. */
function* whole(bytes, reached) {
  let end = 0;
  for (;;) {
    let length = 0;
    let head = end + 1;
    let byte = 128;
    for (let shift = 0; byte > 127; shift += 7) {
      if (head >= bytes.length) return reached(end);
      byte = bytes[head++];
      length |= (byte & 127) << shift;
    }
    if (head + length > bytes.length) return reached(end);
    yield { type: bytes[end] >> 4, flags: bytes[end] & 15, body: bytes.subarray(head, head + length) };
    end = head + length;
  }
}

const { port } = await listen((socket, { url }) => {
  const [, name, total] = url.split("/");
  const session = new Session(socket, workloads[name], Number(total));
  return (message) => session.receive(message);
});
console.log(port);
process.on("disconnect", () => process.exit());
