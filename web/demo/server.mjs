// The demo: a page, a fleet of simulated sensors, and a broker between them, unless one is given. `scripts/demo` starts it.
//
//   node server.mjs [--port 8080] [--broker ws://user:password@host/path]

import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import sirv from "sirv";
import { attachBroker } from "./broker.mjs";
import { startFleet } from "./fleet.mjs";

const HOST = "127.0.0.1"; // a demo is nobody else's business
const STOP_WITHIN = 1_800; // ms

const folder = (path) => fileURLToPath(new URL(path, import.meta.url));
const say = (text = "") => console.log(text);

const POLICY = [
  "default-src 'self'",
  "script-src 'self' 'wasm-unsafe-eval'", // what a page that uses tarta has to allow
  "connect-src 'self' ws: wss:",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

/** Serves the page, the built package at /tarta/, and what the page must know at /config.json. */
function pages(config) {
  const options = {
    etag: true,
    maxAge: 0,
    setHeaders(response) {
      response.setHeader("Content-Security-Policy", POLICY);
      response.setHeader("X-Content-Type-Options", "nosniff");
    },
  };
  const page = sirv(folder("page"), options);
  const dist = sirv(folder("../dist"), options);

  return (request, response) => {
    const refuse = (status, text) => response.writeHead(status, { "Content-Type": "text/plain; charset=utf-8" }).end(text);
    // A name of somebody else's that leads here is no way in.
    if (!/^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(request.headers.host ?? "")) return refuse(403, "Open this page by the name localhost.\n");
    if (request.method !== "GET" && request.method !== "HEAD") return refuse(405, "Only GET and HEAD.\n");
    const notFound = () => refuse(404, "There is nothing here.\n");
    if (request.url === "/config.json") {
      response.writeHead(200, { "Content-Type": "application/json", "Cache-Control": "no-store" });
      return response.end(JSON.stringify(config));
    }
    if (!request.url.startsWith("/tarta/")) return page(request, response, notFound);
    request.url = request.url.slice("/tarta".length);
    return dist(request, response, notFound);
  };
}

/** Listens on the port, or on any free one where that is taken. Resolves to the port. */
function listen(server, port) {
  return new Promise((resolve, reject) => {
    server.once("listening", () => resolve(server.address().port));
    server.on("error", (error) => {
      if (error.code !== "EADDRINUSE" || port === 0) return reject(error);
      say(`Port ${port} is taken, so another one serves.`);
      port = 0;
      server.listen(0, HOST);
    });
    server.listen(port, HOST);
  });
}

/** User name and password are no part of the address that a WebSocket is opened with. */
function splitCredentials(text) {
  const url = new URL(text);
  const credentials = url.username
    ? { username: decodeURIComponent(url.username), password: decodeURIComponent(url.password) }
    : undefined;
  url.username = url.password = "";
  return { address: url.href, credentials };
}

/** Tells when the last sensor has lost the broker, and when the first has found it again. */
function watchLine(address) {
  const online = new Set();
  let lost = false;
  return (sensor, { state, reason }) => {
    if (state === "online") {
      if (lost) say(`The broker at ${address} is back.`);
      lost = false;
      online.add(sensor);
    } else if (online.delete(sensor) && online.size === 0 && reason) {
      lost = true;
      say(`The sensors have lost the broker at ${address}: ${reason.message}. They go on trying.`);
    }
  };
}

/** Tells the first message that the broker does not take; there would be a dozen a second. */
function watchRefusals() {
  let told = false;
  return (topic, error) => {
    if (!told) say(`The broker does not let the sensors publish at ${topic}: ${error.message}`);
    told = true;
  };
}

async function main() {
  const { values } = parseArgs({ options: { port: { type: "string", default: "8080" }, broker: { type: "string" } } });
  const ending = []; // what is to be closed, in this order

  let stopping = false;
  const stop = async (code) => {
    if (stopping) process.exit(130); // asked twice
    stopping = true;
    setTimeout(() => process.exit(code), STOP_WITHIN).unref();
    for (const end of ending) await end();
    process.exit(code);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      say("\nThe demo ends.");
      void stop(0);
    });
  }

  const given = values.broker === undefined ? undefined : splitCredentials(values.broker);
  // On a broker of other people's, a corner of one's own.
  const base = given ? `tarta-demo/${randomBytes(4).toString("hex")}` : "demo";
  const server = createServer(pages({ broker: given?.address ?? null, credentials: given?.credentials, base }));
  const embedded = given ? undefined : await attachBroker(server, "/mqtt");
  const port = await listen(server, Number(values.port));
  ending.push(
    () => embedded?.close(),
    () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  );

  const address = given?.address ?? `ws://${HOST}:${port}/mqtt`;
  say(given ? `Connecting to the broker at ${address} …` : `A broker is at ws://localhost:${port}/mqtt (aedes: MQTT 3.1.1).`);
  const watch = { onState: watchLine(address), onRefusal: watchRefusals() };
  const fleet = await startFleet({ broker: address, credentials: given?.credentials, base, ...watch }).catch(async (error) => {
    if (stopping) return;
    console.error(`The broker at ${address} cannot be used: ${error.message}`);
    await stop(1);
  });
  if (!fleet || stopping) return;
  ending.unshift(fleet.stop);

  say(`${fleet.size} simulated sensors publish below ${base}/.`);
  say();
  say(`  Open  http://localhost:${port}/`);
  say();
  if (!given) say("Another broker: scripts/demo --broker ws://host:port/path   (the sensors and the page then use that one)");
  say("Ctrl-C ends the demo.");
}

await main().catch((error) => {
  console.error(`The demo could not start: ${error.message}`);
  process.exit(1);
});
