// The server's side of a WebSocket (RFC 6455), bare: a library would cost more than the clients that are measured.
import { createHash } from "node:crypto";
import { createServer } from "node:http";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; // RFC 6455 §1.3
const BINARY = 0x82; // one whole binary message
const CLOSE = 8;
const PING = 9;

/** One WebSocket message as it goes over the line. */
export function frame(payload, first = BINARY) {
  const { length } = payload;
  const head = length < 126 ? Buffer.alloc(2) : length < 65_536 ? Buffer.alloc(4) : Buffer.alloc(10);
  head[0] = first;
  head[1] = length < 126 ? length : length < 65_536 ? 126 : 127;
  if (head.length === 4) head.writeUInt16BE(length, 2);
  if (head.length === 10) head.writeUInt32BE(length, 6);
  return Buffer.concat([head, payload]);
}

/** Takes the client's bytes apart; gives the payload of each binary message, unmasked, to `receive`. */
class Reader {
  #rest = Buffer.alloc(0);

  constructor(receive, end) {
    this.receive = receive;
    this.end = end;
  }

  take(bytes) {
    let data = this.#rest.length > 0 ? Buffer.concat([this.#rest, bytes]) : bytes;
    for (;;) {
      if (data.length < 2) break;
      let length = data[1] & 127;
      let at = 2;
      if (length === 126) {
        if (data.length < 4) break;
        length = data.readUInt16BE(2);
        at = 4;
      } else if (length === 127) {
        if (data.length < 10) break;
        length = data.readUInt32BE(6);
        at = 10;
      }
      if (data.length < at + 4 + length) break;
      const payload = data.subarray(at + 4, at + 4 + length);
      const mask = data.subarray(at, at + 4);
      if (mask.readUInt32BE(0) !== 0) for (let i = 0; i < length; i++) payload[i] ^= mask[i & 3];
      const opcode = data[0] & 15;
      if (opcode === CLOSE) this.end();
      else if (opcode !== PING) this.receive(payload);
      data = data.subarray(at + 4 + length);
    }
    this.#rest = data.length > 0 ? Buffer.from(data) : data;
  }
}

/**
 * Listens on loopback; `connected(socket)` returns what takes the client's messages. A socket has `write(frames)`.
 * Resolves with `{ port, server }`.
 */
export function listen(connected) {
  const server = createServer((_, response) => response.writeHead(404).end());
  server.on("upgrade", (request, socket) => {
    const accept = createHash("sha1").update(request.headers["sec-websocket-key"] + GUID).digest("base64");
    const protocol = request.headers["sec-websocket-protocol"]?.split(",")[0].trim();
    socket.setNoDelay(true);
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n` +
        `${protocol ? `Sec-WebSocket-Protocol: ${protocol}\r\n` : ""}\r\n`,
    );
    const reader = new Reader(connected(socket, request), () => socket.end(frame(Buffer.alloc(0), 0x88)));
    socket.on("data", (data) => reader.take(data));
    socket.on("error", () => socket.destroy());
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve({ port: server.address().port, server })));
}
