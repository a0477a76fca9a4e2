// One connection of a client, from the side of the broker: its packets in, and what is sent.
import {
  CONNACK, CONNECT, DISCONNECT, PINGREQ, PINGRESP, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, SUBACK, SUBSCRIBE, UNSUBACK, UNSUBSCRIBE,
} from "../web/fake-broker.mjs";
import {
  connack, decode, disconnect, Malformed, PINGRESP_PACKET, RECEIVE_MAXIMUM, splitter, suback, TOPIC_ALIAS_MAXIMUM, twoByteProperty, unsuback,
} from "./wire.mjs";

const MOST = 65_535;
const TAKEN_OVER = 0x8e; // reason codes: 5.0 §2.4
const BAD_VERSION = { 4: 0x01, 5: 0x84 };
const NO_SUBSCRIPTION = 0x11;
const LATE = 2; // ms

export class Connection {
  version = 5;
  receiveMaximum = MOST;
  session;
  over = false;
  /** What was asked for on this connection: filters of SUBSCRIBE, in their order; and how many messages came. */
  subscribed = [];
  published = 0;
  #broker;
  #socket;
  #aliases = new Map();
  #goodbye = false; // DISCONNECT has come
  #expiry = 0; // s
  #out = [];
  #unanswered = 0; // messages at QoS 1 whose PUBACK is among #out
  #timer;

  constructor(broker, socket, watcher) {
    this.#broker = broker;
    this.#socket = socket;
    this.watcher = watcher;
    const split = splitter();
    socket.on("error", () => {});
    socket.on("close", () => this.end());
    socket.on("message", (bytes, isBinary) => {
      if (this.over) return;
      // 5.0 §6.0: binary; and no client of MQTT has anything to say with nothing.
      if (!isBinary) this.#note("a text message");
      if (bytes.length === 0) this.#note("an empty WebSocket message");
      try {
        for (const raw of split(bytes)) {
          if (this.over) return;
          watcher?.received(raw.first);
          this.#take(decode(raw, this.version));
          broker.onpacket?.();
        }
      } catch (error) {
        if (!(error instanceof Malformed)) throw error;
        this.#note(error.message);
        this.drop();
      }
    });
  }

  #note(text) {
    this.#broker.note(`${this.session?.client ?? "before CONNECT"}: ${text}`);
  }

  #take(packet) {
    const { type, id, reason } = packet;
    if (this.#goodbye) return this.#note(`packet type ${type} after DISCONNECT`); // 5.0 §3.14.4
    if ((type === CONNECT) === (this.session !== undefined)) {
      this.#note(`packet type ${type} ${this.session ? "once more" : "before CONNECT"}`); // 5.0 §3.1
      return this.drop();
    }
    switch (type) {
      case CONNECT:
        return this.#connect(packet);
      case PUBLISH:
        return this.#publish(packet);
      case PUBACK:
        return this.session.puback(id, reason);
      case PUBREC:
        return this.session.pubrec(id, reason);
      case PUBREL:
        if (reason > 0) this.#note(`PUBREL for ${id} with ${reason}`); // it was asked for nothing that it does not know
        return this.session.pubrel(id);
      case PUBCOMP:
        return this.session.pubcomp(id, reason);
      case SUBSCRIBE:
        return this.#subscribe(packet);
      case UNSUBSCRIBE: {
        const codes = packet.filters.map(({ filter }) => (this.session.subscriptions.delete(filter) ? 0 : NO_SUBSCRIPTION));
        return this.send(UNSUBACK, unsuback(this.version, id, codes));
      }
      case PINGREQ:
        return this.send(PINGRESP, PINGRESP_PACKET);
      case DISCONNECT:
        this.#goodbye = true;
        // 5.0 §3.14.2.2.2
        if (this.#expiry === 0 && packet.properties.sessionExpiryInterval > 0) this.#note("DISCONNECT brings a session to life");
        this.#expiry = packet.properties.sessionExpiryInterval ?? this.#expiry;
        this.#socket.close();
    }
  }

  #connect({ version, clean, properties, client }) {
    const { receiveMaximum = MOST, topicAliasMaximum = 0 } = this.#broker.options;
    if (version !== 4 && version !== 5) {
      this.send(CONNACK, connack(5, false, BAD_VERSION[5]));
      return this.#socket.close();
    }
    this.version = version;
    this.receiveMaximum = properties.receiveMaximum ?? MOST;
    // Before 5.0 a session ends with its connection, or never (3.1.1 §3.1.2.4).
    this.#expiry = version === 5 ? (properties.sessionExpiryInterval ?? 0) : clean ? 0 : Infinity;
    const { session, present } = this.#broker.begin(client, clean);
    this.session = session;
    this.present = present;
    const said = [...twoByteProperty(RECEIVE_MAXIMUM, receiveMaximum), ...twoByteProperty(TOPIC_ALIAS_MAXIMUM, topicAliasMaximum)];
    this.send(CONNACK, connack(version, present, 0, said));
    session.begin(this);
  }

  #publish(packet) {
    const { receiveMaximum = MOST, topicAliasMaximum = 0 } = this.#broker.options;
    const { topicAlias: alias } = packet.properties;
    this.published++;
    // 5.0 §3.3.2.3.4
    if (alias === 0 || alias > topicAliasMaximum) this.#note(`topic alias ${alias}`);
    if (alias > 0 && packet.topic !== "") this.#aliases.set(alias, packet.topic);
    if (packet.topic === "") packet.topic = this.#aliases.get(alias);
    if (packet.topic === undefined) {
      this.#note(`topic alias ${alias}, which stands for nothing on this connection`);
      return this.drop();
    }
    this.session.publish(packet);
    if (packet.qos === 1) this.#unanswered++;
    // 5.0 §3.3.4; an earlier version knows no such limit.
    const many = this.version === 5 && this.session.held + this.#unanswered > receiveMaximum;
    if (many) this.#note(`more than ${receiveMaximum} messages at once`);
  }

  #subscribe({ id, filters, properties }) {
    const [identifier] = properties.subscriptionIdentifier ?? [];
    const codes = filters.map(({ filter, options }) => {
      const qos = options & 3;
      this.subscribed.push(filter);
      this.session.subscriptions.set(filter, { qos, identifier });
      return qos;
    });
    this.send(SUBACK, suback(this.version, id, codes));
  }

  // ---- what is sent ----

  /** Sends a packet, in its turn. */
  send(type, bytes) {
    if (this.over) return;
    this.watcher?.sent(bytes[0]);
    this.#out.push({ bytes, answers: type === PUBACK });
    const { leaving = "together" } = this.#broker.options;
    if (leaving === "single") this.#flush();
    else if (leaving === "late") this.#timer ??= setTimeout(() => this.#flush(), LATE);
    else this.#timer ??= setImmediate(() => this.#flush());
  }

  #flush() {
    this.#timer = undefined;
    if (this.over || this.#out.length === 0) return;
    for (const { answers } of this.#out) if (answers) this.#unanswered--;
    const bytes = Buffer.concat(this.#out.splice(0).map((one) => one.bytes));
    for (const piece of this.#broker.tear(bytes)) this.#socket.send(piece);
  }

  /** Another connection has taken its session (5.0 §3.1.4). */
  takenOver() {
    if (this.version === 5) this.send(DISCONNECT, disconnect(TAKEN_OVER));
    this.#flush();
    this.#socket.close();
    this.end();
  }

  /** The line ends without a word. */
  drop() {
    this.#socket.terminate();
    this.end();
  }

  end() {
    if (this.over) return;
    this.over = true;
    clearTimeout(this.#timer);
    clearImmediate(this.#timer);
    if (this.session?.connection === this) this.#broker.end(this.session, this.#expiry);
  }
}
