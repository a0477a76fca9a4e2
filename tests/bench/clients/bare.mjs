// No client at all: what the WebSocket itself costs. It looks at no more than it takes to know the end.
import WebSocket from "ws";

const BATCH = 16_384;

const packet = (first, ...parts) => {
  const body = Buffer.concat(parts);
  return Buffer.concat([body.length < 128 ? Buffer.from([first, body.length]) : Buffer.from([first, (body.length & 127) | 128, body.length >> 7]), body]);
};
const text = (string) => Buffer.concat([Buffer.from([string.length >> 8, string.length & 255]), Buffer.from(string)]);

export async function open(url) {
  const socket = new WebSocket(url, "mqtt");
  await new Promise((resolve) => socket.once("open", resolve));
  let next;
  const answer = () => new Promise((resolve) => (next = resolve));
  let finish;
  socket.on("message", (data) => {
    next?.();
    // PUBLISH on "$bench" in a message of its own.
    if (data.length < 200 && data[0] === 0x30 && data[4] === 0x24) finish?.(JSON.parse(data.subarray(10)));
  });
  socket.send(packet(0x10, text("MQTT"), Buffer.from([4, 2, 0, 0]), text("bench")));
  await answer();
  let packets = [];
  let size = 0;
  const flush = () => {
    if (size > 0) socket.send(Buffer.concat(packets));
    packets = [];
    size = 0;
  };
  return {
    // The next message is the answer, whatever it is.
    roundTrip(topic, payload) {
      socket.send(packet(0x30, text(topic), payload));
      return answer();
    },
    finished: () => new Promise((resolve) => (finish = resolve)),
    async subscribe(filters, qos) {
      socket.send(packet(0x82, Buffer.from([0, 1]), ...filters.slice(0, 1).flatMap((filter) => [text(filter), Buffer.from([qos])])));
      await answer();
    },
    publish(topic, payload) {
      const one = packet(0x30, text(topic), payload);
      packets.push(one);
      size += one.length;
      if (size > BATCH) flush();
      return undefined;
    },
    flush,
    close: () => socket.close(),
  };
}
