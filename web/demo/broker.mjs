// An MQTT broker inside this process, reached by WebSocket at one path of an HTTP server: aedes, which speaks 3.1.1.

import { Aedes } from "aedes";
import { createWebSocketStream, WebSocketServer } from "ws";

export async function attachBroker(server, path) {
  const broker = await Aedes.createBroker();
  const sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => offered.has("mqtt") && "mqtt",
  });

  server.on("upgrade", (request, socket, head) => {
    if (request.url.split("?")[0] !== path) {
      socket.end("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
      return;
    }
    sockets.handleUpgrade(request, socket, head, (open) => {
      const stream = createWebSocketStream(open);
      stream.on("error", () => {}); // a line that broke: aedes hears of it by the end of the stream
      broker.handle(stream, request);
    });
  });

  return {
    async close() {
      for (const socket of sockets.clients) socket.terminate();
      await new Promise((resolve) => broker.close(resolve));
    },
  };
}
