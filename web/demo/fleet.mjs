// A small fleet of simulated sensors. Each is an MQTT client of its own, as real ones are:
//
//   BASE/ROOM/QUANTITY           its readings
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
  #onRefusal;
  #line = breakableLine();
  #timer;
  #on = true;
  #step = 0;

  constructor(definition, { broker, credentials, base, onState, onRefusal }) {
    this.#definition = definition;
    this.#onRefusal = onRefusal;
    this.#topic = `${base}/${definition.room}/${definition.quantity}`;
    this.#client = new Client(broker, {
      credentials,
      WebSocket: this.#line.WebSocket,
      will: { topic: `${this.#topic}/status`, payload: "lost", ...RETAINED },
      reconnect: { min: 4_000, max: 10_000 },
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
    this.#send("", this.#definition.reading(this.#step++), { qos: 0 });
  }

  #obey(order) {
    if (order === "cut") return this.#line.cut();
    if (order !== "on" && order !== "off") return;
    this.#on = order === "on";
    this.#send("/status", order, RETAINED);
    this.#measure();
  }

  #send(below, payload, options) {
    const topic = this.#topic + below;
    this.#client.publish(topic, payload, options).catch((error) => {
      if (error.code === "PUBLISH_REFUSED") this.#onRefusal(topic, error); // else the line is lost, which `onState` tells
    });
  }

  /** Takes back all that the broker was asked to keep, and says goodbye. */
  async stop() {
    clearInterval(this.#timer);
    if (this.#client.state === "online") {
      for (const below of ["/about", "/status"]) this.#send(below, "", RETAINED);
      await Promise.race([this.#client.drain().catch(() => {}), new Promise((resolve) => setTimeout(resolve, FAREWELL))]);
    }
    await this.#client.close();
  }
}

/**
 * Starts the sensors. Rejects with an MqttError when the broker cannot be reached. Later losses are told to
 * `onState(topic, change)`, and each sensor goes on trying; what the broker does not take to `onRefusal(topic, error)`.
 */
export async function startFleet(options) {
  const fleet = sensors.map((definition) => new Sensor(definition, options));
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
