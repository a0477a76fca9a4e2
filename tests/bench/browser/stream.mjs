// The server of the paced rows, a process of its own: so many messages a second, one packet in each WebSocket message, with
// the time at which they leave. `node stream.mjs` prints its port; the URL's path is /RATE/SECONDS.
import { generate, parser } from "mqtt-packet";
import { frame, listen } from "../websocket.mjs";
import { payloadOf, topicOf, workloads } from "../workloads.mjs";

const workload = workloads["receive-0"];
const CYCLE = 6_400; // messages that are made before; the last bytes and the topics go round with them

const frames = Array.from({ length: CYCLE }, (_, number) =>
  frame(generate({ cmd: "publish", topic: topicOf(workload, number), payload: payloadOf(workload, number) })));

class Session {
  constructor(socket, rate, seconds) {
    this.socket = socket;
    this.rate = rate;
    this.count = rate * seconds;
    this.parser = parser({ protocolVersion: 4 }).on("packet", (packet) => this.handle(packet));
  }

  send(packet) {
    this.socket.write(frame(generate(packet)));
  }

  handle({ cmd, messageId, subscriptions }) {
    if (cmd === "connect") this.send({ cmd: "connack", returnCode: 0, sessionPresent: false });
    else if (cmd === "subscribe") this.send({ cmd: "suback", messageId, granted: subscriptions.map(() => 0) });
    else if (cmd === "publish") this.start();
  }

  /** Sends what is due, each millisecond. */
  start() {
    const begin = performance.now();
    let sent = 0;
    const pass = () => {
      const now = performance.now();
      const due = Math.min(this.count, Math.floor(((now - begin) / 1000) * this.rate));
      const part = [];
      for (; sent < due; sent++) {
        const one = frames[sent % CYCLE];
        one.writeDoubleLE(performance.timeOrigin + now, one.length - workload.payload);
        part.push(one);
      }
      if (part.length > 0) this.socket.write(Buffer.concat(part));
      if (sent < this.count && !this.socket.destroyed) setTimeout(pass, 1);
    };
    pass();
  }
}

const { port } = await listen((socket, { url }) => {
  const [, rate, seconds] = url.split("/").map(Number);
  const session = new Session(socket, rate, seconds);
  return (message) => session.parser.parse(message);
});
console.log(port);
process.on("disconnect", () => process.exit());
