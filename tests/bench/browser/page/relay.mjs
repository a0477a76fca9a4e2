// In a Worker: a WebSocket whose messages are gathered for some milliseconds and transferred in one piece.
const DELAY = 4; // ms
const MOST = 65_536; // bytes

let socket;
let parts = [];
let size = 0;
let timer;

function handOver() {
  clearTimeout(timer);
  const all = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(new Uint8Array(part), at);
    at += part.byteLength;
  }
  parts = [];
  size = 0;
  postMessage(all.buffer, [all.buffer]);
}

function connect(url) {
  socket = new WebSocket(url, "mqtt");
  socket.binaryType = "arraybuffer";
  socket.onopen = () => postMessage("open");
  socket.onmessage = ({ data }) => {
    if (parts.push(data) === 1) timer = setTimeout(handOver, DELAY);
    size += data.byteLength;
    if (size > MOST) handOver();
  };
}

onmessage = ({ data: { url, bytes } }) => (url ? connect(url) : socket.send(bytes));
