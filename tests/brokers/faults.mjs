// Servers that are no MQTT broker, each at a path of one loopback port; and a port that nothing listens on.

import { createServer } from "node:http";
import { WebSocketServer } from "ws";
import { freePort } from "./mosquitto.mjs";

/** What each WebSocket path does with a connection. */
const habits = {
  "/no-protocol": (socket) => socket.on("message", (data, binary) => socket.send(data, { binary })),
  "/text": (socket) => socket.send("Welcome to the chat!"),
  "/http-in-binary": (socket) => socket.on("message", () => socket.send(Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"))),
  "/close": (socket) => socket.close(1000),
  "/drop": (socket) => socket.on("message", () => socket.terminate()),
  "/silent": () => {},
};

export async function startFaults() {
  const closed = await freePort();
  const sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered, request) => (request.url === "/no-protocol" ? false : offered.values().next().value),
  });

  // Node hands a request for an upgrade to `request` only as long as nobody listens for `upgrade`.
  const refuse = (socket, status) =>
    socket.end(`HTTP/1.1 ${status}\r\nContent-Type: text/plain\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);

  const server = createServer((_, response) => response.writeHead(404).end());
  server.on("upgrade", (request, socket, head) => {
    socket.on("error", () => {});
    const habit = habits[request.url];
    if (habit) {
      sockets.handleUpgrade(request, socket, head, (open) => {
        open.on("error", () => {});
        habit(open);
      });
    } else refuse(socket, request.url === "/ok" ? "200 OK" : "404 Not Found");
  });
  await new Promise((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));

  const at = `ws://127.0.0.1:${server.address().port}`;
  return {
    urls: {
      closedPort: `ws://127.0.0.1:${closed}`,
      notFound: `${at}/not-found`,
      ok: `${at}/ok`,
      noProtocol: `${at}/no-protocol`,
      text: `${at}/text`,
      httpInBinary: `${at}/http-in-binary`,
      close: `${at}/close`,
      drop: `${at}/drop`,
      silent: `${at}/silent`,
    },
    async stop() {
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
