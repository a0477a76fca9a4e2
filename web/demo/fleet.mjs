// A small fleet of simulated sensors. Each is an MQTT client of its own, as real ones are:
//
//   BASE/ROOM/QUANTITY           its readings; those of a door are retained, as they are rare
//   BASE/ROOM/QUANTITY/about     retained: {"unit":"°C","period":1000}
//   BASE/ROOM/QUANTITY/status    retained: on, off, or lost, which is its will
//   BASE/ROOM/QUANTITY/set       what it obeys: on, off, cut (its line breaks; it is back a moment later)

import { Client } from "tarta";
import { WebSocket } from "ws";
import { sensors } from "./sensors.mjs";

const RETAINED = { qos: 1, retain: true };
const FAREWELL = 800; // ms that the goodbye may take

/** The class of WebSocket that tarta uses in Node, with a way to break the line from outside. */
function breakableLine() {
  let current;
  class Line extends WebSocket {
    constructor(...args) {
      super(...args);
      current = this;
    }
  }
  return { WebSocket: Line, cut: () => current?.terminate() };
}

class Sensor {
  #client;
  #topic;
  #definition;
  #line = breakableLine();
  #timer;
  #on = true;
  #step = 0;
  #last;

  constructor(definition, { broker, credentials, base, onState }) {
    this.#definition = definition;
    this.#topic = `${base}/${definition.room}/${definition.quantity}`;
    this.#client = new Client(broker, {
      credentials,
      WebSocket: this.#line.WebSocket,
      will: { topic: `${this.#topic}/status`, payload: "lost", ...RETAINED },
      reconnect: { min: 2000, max: 10_000 },
    });
    this.#client.addEventListener("state", ({ detail }) => {
      if (detail.state === "online") this.#announce();
      onState(this.#topic, detail);
    });
  }

  async start() {
    await this.#client.connect();
    await this.#client.subscribe(`${this.#topic}/set`, { qos: 1 }, (message) => this.#obey(message.text()));
    const { period } = this.#definition;
    this.#timer = setInterval(() => this.#measure(), period);
    this.#measure();
  }

  #announce() {
    const { unit, period } = this.#definition;
    this.#send("/about", JSON.stringify({ unit, period }), RETAINED);
    this.#send("/status", this.#on ? "on" : "off", RETAINED);
  }

  #measure() {
    if (!this.#on || this.#client.state !== "online") return; // a reading of the past is of no use
    const value = this.#definition.reading(this.#step++);
    if (this.#definition.quantity !== "door") this.#send("", value, { qos: 0 });
    else if (value !== this.#last) this.#send("", value, RETAINED);
    this.#last = value;
  }

  #obey(order) {
    if (order === "cut") return this.#line.cut();
    if (order !== "on" && order !== "off") return;
    this.#on = order === "on";
    this.#last = undefined; // a door tells where it stands when it is back
    this.#send("/status", order, RETAINED);
    this.#measure();
  }

  #send(below, payload, options) {
    // What fails here is a lost connection, which `onState` tells.
    this.#client.publish(this.#topic + below, payload, options).catch(() => {});
  }

  /** Takes back all that the broker was asked to keep, and says goodbye. */
  async stop() {
    clearInterval(this.#timer);
    if (this.#client.state === "online") {
      for (const below of ["", "/about", "/status"]) this.#send(below, "", RETAINED);
      await Promise.race([this.#client.drain().catch(() => {}), new Promise((resolve) => setTimeout(resolve, FAREWELL))]);
    }
    await this.#client.close();
  }
}

/**
 * Starts the sensors. Rejects with an MqttError when the broker cannot be reached; later losses are told to
 * `onState(topic, change)`, and each sensor goes on trying.
 */
export async function startFleet({ broker, credentials, base, onState }) {
  const fleet = sensors.map((definition) => new Sensor(definition, { broker, credentials, base, onState }));
  const stop = () => Promise.all(fleet.map((sensor) => sensor.stop()));
  try {
    // One first: what it fails with is said once.
    await fleet[0].start();
    await Promise.all(fleet.slice(1).map((sensor) => sensor.start()));
  } catch (error) {
    await stop();
    throw error;
  }
  return { size: fleet.length, stop };
}
