// No client at all: what the WebSocket itself costs, or the hand-over from a Worker. It looks at no more than it takes to
// know the end.
import { connect, join, openSocket, publish, subscribe } from "./socket.mjs";

const BATCH = 16_384; // bytes that go out in one WebSocket message
const SIGNAL = 110; // bytes of the message at the end, which ../../server.mjs fills up; others are shorter or much longer
const decoder = new TextDecoder("latin1");

export async function open(url, { worker }) {
  let next;
  const answer = () => new Promise((resolve) => (next = resolve));
  let finish;
  const look = (data) => {
    if (data.byteLength < SIGNAL) return;
    const end = decoder.decode(new Uint8Array(data, data.byteLength - SIGNAL));
    if (end.startsWith("$bench", 4)) finish(JSON.parse(end.slice(10)));
  };
  let listen = () => next();
  const socket = await openSocket(url, worker, (data) => listen(data));
  socket.send(connect());
  await answer();

  let packets = [];
  let size = 0;
  const flush = () => {
    if (size > 0) socket.send(join(packets));
    packets = [];
    size = 0;
  };
  return {
    finished() {
      // From a Worker the end comes together with other messages.
      listen = worker ? look : (data) => data.byteLength === SIGNAL && look(data);
      return new Promise((resolve) => (finish = resolve));
    },
    async subscribe([filter], qos) {
      socket.send(subscribe(1, filter, qos));
      await answer();
    },
    publish(topic, payload) {
      const one = publish(topic, payload, 0);
      packets.push(one);
      size += one.length;
      if (size > BATCH) flush();
      return undefined;
    },
    flush,
  };
}
