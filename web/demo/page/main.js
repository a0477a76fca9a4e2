// The page: one client, what it hears, and what it says.

import { Client } from "./tarta/tarta.mjs";
import { Log } from "./log.js";
import { Tiles } from "./tiles.js";

const $ = (selector) => document.querySelector(selector);
const form = $("#publish");
const button = $("#connection");

const config = await (await fetch("config.json")).json();
const broker = config.broker ?? new URL("mqtt", location.href.replace(/^http/, "ws")).href;

const log = new Log($("#log"), $("#filter"), $("#pause"));
const tiles = new Tiles($("#tiles"), $("#tile"), (sensor, order) => publish(`${config.base}/${sensor}/set`, order, { qos: 1 }));

// ---- the connection ----

let client;
let change = { state: "idle" };

function connect() {
  client = new Client(broker, { credentials: config.credentials, reconnect: { initial: true, max: 8_000 } });
  client.addEventListener("state", ({ detail }) => {
    change = detail;
    showState();
  });

  // Sent as soon as there is a connection, and again by the client itself where the broker has forgotten it.
  client.subscribe(`${config.base}/#`, { qos: 1 }, (message) => log.add(message)).catch(showError);
  // No subscriptions of their own: these pick from what comes in anyway, and take names from the topics.
  client.route(`${config.base}/{room}/{quantity}`, (message) => tiles.reading(message.params, message.text()));
  client.route(`${config.base}/{room}/{quantity}/status`, (message) => tiles.status(message.params, message.text()));
  client.route(`${config.base}/{room}/{quantity}/about`, (message) => {
    tiles.about(message.params, message.payload.length > 0 ? message.json() : undefined);
  });
  client.connect().catch(() => {}); // the state tells
}

/** An error as a sentence. What was under way when it came, which its message begins with, the page shows anyway. */
function errorInWords({ phase, message }) {
  const text = message.startsWith(`${phase}: `) ? message.slice(phase.length + 2) : message;
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.?!]$/.test(text) ? "" : ".");
}

function inWords({ state, reason, retryAt }) {
  const seconds = Math.max(1, Math.round((retryAt - Date.now()) / 1000));
  const next = retryAt > Date.now() ? `Next attempt in ${seconds} s.` : "Trying again …";
  switch (state) {
    case "online":
      return `Connected to ${broker}, MQTT ${{ 5: "5.0", 4: "3.1.1", 3: "3.1" }[client.server.version]}`;
    case "connecting":
      return reason ? `No connection to ${broker}. ${errorInWords(reason)} ${next}` : `Connecting to ${broker} …`;
    case "reconnecting":
      return `Not connected. ${errorInWords(reason)} ${next}`;
    case "offline":
      return "This device has no network. The page connects as soon as there is one.";
    case "closed":
      return reason ? `The connection has ended. ${errorInWords(reason)}` : "Disconnected.";
    default:
      return "Not connected.";
  }
}

function showState() {
  const { state, reason } = change;
  const place = $("#state");
  const text = inWords(change);
  if ($("#state-text").textContent !== text) $("#state-text").textContent = text;
  place.dataset.state = state;
  place.toggleAttribute("data-error", Boolean(reason));
  button.hidden = false;
  button.textContent = state === "closed" ? "Connect" : "Disconnect";
  tiles.enabled = state === "online";
}

button.addEventListener("click", () => {
  if (client.state === "closed") connect();
  else void client.close();
});

// ---- publishing ----

function tell(text, failed = false) {
  const place = $("#published");
  place.textContent = text;
  place.toggleAttribute("data-error", failed);
}

const showError = (error) => tell(errorInWords(error), true);

const outcome = ["given to the network", "acknowledged by the broker", "with the broker, exactly once,"]; // by QoS

async function publish(topic, payload, options) {
  const begun = performance.now();
  if (client.state !== "online" && client.state !== "closed") tell("Waiting for the connection …");
  try {
    // A mistake in the topic is thrown, what the broker or the network do is a rejection.
    await client.publish(topic, payload, options);
    tell(`${topic}: ${outcome[options.qos]} after ${(performance.now() - begun).toFixed(1)} ms.`);
  } catch (error) {
    showError(error);
  }
}

form.elements.topic.value = `${config.base}/hello`;
form.addEventListener("submit", (event) => {
  event.preventDefault();
  const { topic, payload, qos, retain } = form.elements;
  void publish(topic.value, payload.value, { qos: Number(qos.value), retain: retain.checked });
});

// ---- rates ----

const bytesInWords = (count) => (count < 1000 ? `${count} B` : `${(count / 1000).toFixed(1)} KB`);

let before = { client: undefined };
setInterval(() => {
  const { messagesReceived, messagesSent, bytesReceived } = client.stats;
  const time = performance.now();
  if (before.client === client) {
    const seconds = (time - before.time) / 1000;
    $("#rate-in").textContent = Math.round((messagesReceived - before.messagesReceived) / seconds);
    $("#rate-bytes").textContent = bytesInWords(Math.round((bytesReceived - before.bytesReceived) / seconds));
  }
  $("#total-in").textContent = messagesReceived.toLocaleString("en");
  $("#total-out").textContent = messagesSent.toLocaleString("en");
  before = { client, time, messagesReceived, bytesReceived };
  showState(); // its seconds count down
}, 1000);

connect();
