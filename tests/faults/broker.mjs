// A broker that forgets nothing, in the process of the test: it speaks MQTT 5.0 and 3.1.1, keeps the session of each client
// whatever becomes of its connections, and writes down what it has accepted and delivered. Its log is the judge.
//
//   const broker = await DurableBroker.start();
//   …                                              // clients of broker.url
//   broker.publish("topic", "text", 2);            // to those that have subscribed
//   await broker.stop();                           // every line ends at once; { keepSessions: false } wipes the sessions
//   await broker.restart();                        // at the same port
import { createServer } from "node:http";
import { WebSocketServer } from "ws";
import { Connection } from "./connection.mjs";
import { Session } from "./session.mjs";

export class DurableBroker {
  /**
   * What was accepted, in this order: `{ client, qos, topic, text, released }`. At QoS 2 once a message; `released`: its PUBREL
   * has come, and PUBCOMP was sent.
   */
  log = [];
  /** What was to be delivered: `{ client, qos, topic, text, received, completed, gone }`; `gone` with its session. */
  deliveries = [];
  /** What a client has done that it may not do. */
  violations = [];
  /** All that there were: Connection. */
  connections = [];
  /** How many sessions have begun. */
  begun = 0;
  /** How often PUBLISH and PUBREL came again, either way. */
  resent = 0;
  /** Is told of a delivery whose PUBACK or PUBREC has come. */
  onacknowledged;
  /** Is told of a delivery that has ended. */
  onsettled;
  /** Is told of each packet when it has been dealt with. */
  onpacket;
  #sessions = new Map();
  #open = new Set();

  /**
   * Options: `receiveMaximum` and `topicAliasMaximum` of CONNACK; `leaving`: how packets do, "together" (of a turn), "single",
   * "late", or "torn" with `random`; `watch(path)`: who watches a connection, with `received(first)` and `sent(first)` (bytes).
   */
  static async start(options = {}) {
    const broker = new DurableBroker();
    broker.options = options;
    await broker.#listen(0);
    broker.url = `ws://127.0.0.1:${broker.port}`;
    return broker;
  }

  async #listen(port) {
    const http = createServer();
    const server = new WebSocketServer({ server: http, handleProtocols: () => "mqtt", perMessageDeflate: false });
    server.on("error", () => {}); // that of http is looked at
    server.on("connection", (socket, request) => {
      const connection = new Connection(this, socket, this.options.watch?.(request.url));
      this.connections.push(connection);
      this.#open.add(connection);
      socket.on("close", () => this.#open.delete(connection));
    });
    await new Promise((resolve, reject) => http.listen(port, "127.0.0.1", resolve).once("error", reject));
    this.server = server;
    this.http = http;
    this.port = http.address().port;
  }

  /** Ends every line, and listens no more; the sessions stay, unless they are not to. */
  async stop({ keepSessions = true } = {}) {
    const { server, http } = this;
    const closed = new Promise((resolve) => http.close(resolve));
    for (const connection of this.#open) connection.drop();
    if (!keepSessions) this.forgetSessions();
    for (const socket of server.clients) socket.terminate();
    http.closeAllConnections(); // those that are no WebSockets yet
    server.close();
    await closed;
  }

  /** Listens again, where it did. */
  async restart() {
    const end = Date.now() + 5000;
    for (;;) {
      try {
        return await this.#listen(this.port);
      } catch (error) {
        // Somebody's connection may have got that port.
        if (error.code !== "EADDRINUSE" || Date.now() > end) throw error;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  }

  forgetSessions() {
    const sessions = [...this.#sessions.values()];
    this.#sessions.clear();
    for (const session of sessions) {
      session.connection?.drop();
      session.forget();
    }
  }

  /** The filters that a client has subscribed to. */
  subscriptionsOf(client) {
    return [...(this.#sessions.get(client)?.subscriptions.keys() ?? [])];
  }

  /** Delivers a message to all sessions that have subscribed to it, once each. Returns the deliveries. */
  publish(topic, text, qos) {
    const deliveries = [];
    for (const session of this.#sessions.values()) {
      const matching = [...session.subscriptions].filter(([filter]) => matches(filter, topic)).map(([, subscription]) => subscription);
      if (matching.length === 0) continue;
      const granted = Math.min(qos, Math.max(...matching.map((one) => one.qos)));
      const identifiers = matching.map(({ identifier }) => identifier).filter((identifier) => identifier !== undefined);
      const delivery = { client: session.client, qos: granted, topic, text, identifiers };
      if (granted > 0) this.deliveries.push(delivery);
      session.deliver(delivery);
      deliveries.push(delivery);
    }
    return deliveries;
  }

  // ---- for its connections ----

  note(text) {
    this.violations.push(text);
  }

  accept(message) {
    this.log.push(message);
    message.place = this.log.length;
    return message;
  }

  /** The session of a client that connects (5.0 §3.1.2.4, §3.1.4). */
  begin(client, clean) {
    let session = this.#sessions.get(client);
    session?.connection?.takenOver();
    session = this.#sessions.get(client); // it may have ended with that connection
    const present = session !== undefined && !clean && session.expires > Date.now();
    if (present) return { session, present };
    const fresh = new Session(this, client);
    this.begun++;
    this.#sessions.set(client, fresh);
    session?.forget();
    return { session: fresh, present };
  }

  end(session, expiry) {
    session.end();
    session.expires = Date.now() + expiry * 1000;
    if (expiry > 0) return;
    this.#sessions.delete(session.client);
    session.forget();
  }

  /** WebSocket messages: in MQTT their bounds mean nothing (5.0 §6.0). */
  tear(bytes) {
    if (this.options.leaving !== "torn") return [bytes];
    const pieces = [];
    for (let at = 0; at < bytes.length; ) {
      const size = 1 + this.options.random.below(this.options.random.chance(0.5) ? 4 : 200);
      pieces.push(bytes.subarray(at, at + size));
      at += size;
    }
    return pieces;
  }
}

/** 5.0 §4.7.1 */
function matches(filter, topic) {
  const levels = topic.split("/");
  const parts = filter.split("/");
  for (const [index, part] of parts.entries()) {
    if (part === "#") return true;
    if (index >= levels.length || (part !== "+" && part !== levels[index])) return false;
  }
  return parts.length === levels.length;
}
