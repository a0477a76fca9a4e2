// A broker that forgets nothing, in the process of the test: it takes messages at QoS 1 and 2 (MQTT 5.0), keeps the session of
// each client whatever becomes of its connections, and writes down what it has accepted. Its log is the judge.
import { WebSocketServer } from "ws";
import { acknowledgement, connack, CONNECT, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, readPackets } from "../web/fake-broker.mjs";

export class DurableBroker {
  /** What was accepted, in this order: `{ client, qos, text }`. */
  log = [];
  /** What a client has done that it may not do. */
  violations = [];
  #sessions = new Map();

  static async start() {
    const broker = new DurableBroker();
    broker.server = new WebSocketServer({ port: 0, host: "127.0.0.1", handleProtocols: () => "mqtt" });
    broker.server.on("connection", (socket) => {
      const read = readPackets();
      let client;
      socket.on("error", () => {});
      socket.on("message", (bytes) => {
        for (const packet of read(bytes)) client = broker.#answer(socket, client, packet);
      });
    });
    await new Promise((resolve) => broker.server.once("listening", resolve));
    broker.url = `ws://127.0.0.1:${broker.server.address().port}`;
    return broker;
  }

  async stop() {
    for (const socket of this.server.clients) socket.terminate();
    await new Promise((resolve) => this.server.close(resolve));
  }

  #answer(socket, client, { type, flags, body, id, qos, payload }) {
    const session = this.#sessions.get(client);
    switch (type) {
      case CONNECT: {
        const name = body.toString("utf8", body.length - 23); // those of tarta have 23 characters
        const clean = (body[7] & 2) !== 0;
        const known = this.#sessions.has(name) && !clean;
        if (!known) this.#sessions.set(name, { held: new Set() });
        socket.send(connack({ sessionPresent: known ? 1 : 0 }));
        return name;
      }
      case PUBLISH: {
        const again = qos === 2 && session.held.has(id);
        // 5.0 §4.3.3: until PUBREL an identifier stands for the message that it came with, which only DUP brings again.
        if (again && (flags & 8) === 0) this.violations.push(`packet identifier ${id} is used for another message`);
        if (!again) this.log.push({ client, qos, text: payload.toString() });
        if (qos === 2) session.held.add(id);
        socket.send(acknowledgement(qos === 1 ? PUBACK : PUBREC, id));
        break;
      }
      case PUBREL:
        session.held.delete(id);
        socket.send(acknowledgement(PUBCOMP, id));
    }
    return client;
  }
}
