// aedes for tests, the way the demo embeds it: a broker in JavaScript that knows 3.1.1 alone.

import { createServer } from "node:http";
import { attachBroker } from "../../web/demo/broker.mjs";

export async function startAedes() {
  const server = createServer((_, response) => response.writeHead(404).end());
  const broker = await attachBroker(server, "/mqtt");
  await new Promise((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  return {
    url: `ws://127.0.0.1:${server.address().port}/mqtt`,
    async stop() {
      await broker.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
