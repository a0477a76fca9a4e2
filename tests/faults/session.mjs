// The server's half of a session (5.0 §4.1), in both directions: it outlives connections, and notes what the client may not do.
import { PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL } from "../web/fake-broker.mjs";
import { acknowledgement, publish, SUBSCRIPTION_IDENTIFIER, variableProperty } from "./wire.mjs";

const NOT_FOUND = 0x92; // Packet Identifier not found (5.0 §3.6.2.1, §3.7.2.1)

export class Session {
  /** The connection that it has now. */
  connection;
  /** How many connections it has had. */
  connections = 0;
  /** Filter → `{ qos, identifier }`. */
  subscriptions = new Map();
  expires = Infinity; // wall clock, when there is no connection
  #broker;
  // From the client
  #held = new Map(); // packet identifier → message at QoS 2 that was accepted, until PUBREL
  #completed = new Map(); // … → the last that was released
  #taken = new Map(); // … → the last at QoS 1
  // To the client
  #waiting = [];
  #flying = new Map(); // packet identifier → delivery, in the order in which they were first sent
  // Of this connection
  #again = []; // deliveries that are to be sent again (5.0 §4.4)
  #quota = 0; // 5.0 §4.9
  #expected = []; // by QoS: identifiers in the order in which they must be acknowledged (5.0 §4.6)
  #lastResent = -1;
  #lastReleased = -1;

  constructor(broker, client) {
    this.#broker = broker;
    this.client = client;
  }

  #note(text) {
    this.#broker.note(`${this.client}: ${text}`);
  }

  #answer(type, id, reason) {
    this.connection.send(type, acknowledgement(this.connection.version, type, id, reason));
  }

  // ---- connections ----

  begin(connection) {
    this.connection = connection;
    this.connections++;
    this.expires = Infinity;
    this.#quota = connection.receiveMaximum;
    this.#expected = [[], [], []];
    this.#lastResent = this.#lastReleased = -1;
    this.#again = [...this.#flying.values()];
    this.#pump();
  }

  end() {
    this.connection = undefined;
    this.#again = [];
  }

  /** The session is deleted: what the client has not acknowledged will not come again. */
  forget() {
    const lost = [...this.#flying.values(), ...this.#waiting];
    this.#waiting = [];
    this.#flying.clear();
    this.#again = [];
    for (const delivery of lost) this.#settle(delivery, { gone: true });
  }

  /** Messages that count against what the server can take at once (5.0 §3.3.4). */
  get held() {
    return this.#held.size;
  }

  // ---- from the client ----

  /** A PUBLISH (5.0 §4.3). The text of a message is taken to be its own: by it what comes again is known. */
  publish({ qos, dup, id, topic, payload }) {
    const text = payload.toString();
    if (qos === 0) return this.#broker.accept({ client: this.client, qos, topic, text });
    const same = (message) => message !== undefined && message.topic === topic && message.text === text;
    const held = this.#held.get(id);
    const before = held ?? (qos === 1 ? this.#taken : this.#completed).get(id);
    // 5.0 §4.3.3, §2.2.1: until PUBREL an identifier stands for the message that it came with.
    if (held && (qos !== 2 || !same(held))) this.#note(`packet identifier ${id} is used for another message`);
    // 5.0 §4.3.3: no PUBLISH after PUBREL.
    if (!held && qos === 2 && same(before)) this.#note(`packet identifier ${id}: PUBLISH after PUBREL`);
    // 5.0 §3.3.1.1
    if (same(before) && !dup) this.#note(`packet identifier ${id} comes again without DUP`);
    if (dup && this.connections === 1) this.#note(`packet identifier ${id}: DUP, though the session is new`);
    if (dup) this.#broker.resent++;

    const message = held ?? this.#broker.accept({ client: this.client, qos, topic, text });
    // 5.0 §4.6: what is sent again goes in the order in which it was sent first.
    const place = same(before) ? before.place : message.place;
    message.place = place;
    if (dup && place <= this.#lastResent) this.#note(`packet identifier ${id} is sent again out of order`);
    if (dup) this.#lastResent = place;
    if (qos === 1) {
      this.#taken.set(id, message);
      return this.#answer(PUBACK, id);
    }
    this.#held.set(id, message);
    this.#completed.delete(id);
    this.#answer(PUBREC, id);
  }

  pubrel(id) {
    const held = this.#held.get(id);
    const message = held ?? this.#completed.get(id);
    // 5.0 §4.4: PUBREL comes again on another connection only.
    if (!message || message.releasedOn === this.connection) this.#note(`PUBREL for ${id}, which is not held`);
    if (message) {
      // 5.0 §4.6: in the order of PUBREC, which is that of PUBLISH here.
      if (message.place < this.#lastReleased) this.#note(`PUBREL for ${id} is out of order`);
      this.#lastReleased = message.place;
      message.releasedOn = this.connection;
    }
    if (held) {
      message.released = true;
      this.#held.delete(id);
      this.#completed.set(id, message);
    } else {
      this.#broker.resent++;
    }
    this.#answer(PUBCOMP, id, held ? 0 : NOT_FOUND);
  }

  // ---- to the client ----

  deliver(delivery) {
    if (delivery.qos > 0) this.#waiting.push(delivery);
    else if (this.connection) this.#send(delivery, false);
    this.#pump();
  }

  #pump() {
    while (this.connection && this.#again.length > 0) {
      const delivery = this.#again[0];
      if (!delivery.received && this.#quota <= 0) return;
      this.#again.shift();
      this.#broker.resent++;
      if (delivery.received) this.#release(delivery);
      else this.#send(delivery, true);
    }
    while (this.connection && this.#waiting.length > 0 && this.#quota > 0) {
      const delivery = this.#waiting.shift();
      // The lowest that is free, so that it is soon used again.
      for (delivery.id = 1; this.#flying.has(delivery.id); ) delivery.id++;
      this.#flying.set(delivery.id, delivery);
      this.#send(delivery, false);
    }
  }

  #send(delivery, dup) {
    const { topic, text, qos, id, identifiers } = delivery;
    const properties = identifiers.flatMap((number) => variableProperty(SUBSCRIPTION_IDENTIFIER, number));
    this.connection.send(PUBLISH, publish(this.connection.version, { topic, payload: text, qos, id, dup, properties }));
    if (qos === 0) return;
    this.#quota--;
    this.#expected[qos].push(id);
  }

  #release(delivery) {
    delivery.releases = (delivery.releases ?? 0) + 1;
    delivery.releasedOn = this.connection;
    this.#answer(PUBREL, delivery.id);
  }

  /** The delivery that an acknowledgement of this kind is for. */
  #acknowledged(name, id, qos) {
    const delivery = this.#flying.get(id);
    const expected = this.#expected[qos];
    if (delivery?.qos !== qos || !expected.includes(id)) {
      this.#note(`${name} for ${id}, which does not wait for it`);
      return undefined;
    }
    // 5.0 §4.6
    if (expected[0] !== id) this.#note(`${name} for ${id} is out of order`);
    expected.splice(expected.indexOf(id), 1);
    this.#broker.onacknowledged?.(delivery);
    return delivery;
  }

  puback(id, reason) {
    const delivery = this.#acknowledged("PUBACK", id, 1);
    if (!delivery) return;
    if (reason > 0) this.#note(`PUBACK for ${id} with ${reason}`);
    this.#end(delivery);
  }

  pubrec(id, reason) {
    const delivery = this.#acknowledged("PUBREC", id, 2);
    if (!delivery) return;
    if (reason > 0) this.#note(`PUBREC for ${id} with ${reason}`);
    delivery.received = true; // 5.0 §4.3.3: no PUBLISH from here on
    this.#release(delivery);
  }

  pubcomp(id, reason) {
    const delivery = this.#flying.get(id);
    if (!delivery || delivery.releasedOn !== this.connection) return this.#note(`PUBCOMP for ${id}, which does not wait for it`);
    // 5.0 §3.7.2.1: it is no error only when the client may have completed it on an earlier connection.
    if (reason > 0 && (reason !== NOT_FOUND || delivery.releases === 1)) this.#note(`PUBCOMP for ${id} with ${reason}`);
    this.#end(delivery);
  }

  #end(delivery) {
    this.#flying.delete(delivery.id);
    this.#quota = Math.min(this.#quota + 1, this.connection.receiveMaximum); // 5.0 §4.9
    this.#settle(delivery, { completed: true });
    this.#pump();
  }

  #settle(delivery, how) {
    Object.assign(delivery, how);
    this.#broker.onsettled?.(delivery);
  }
}
