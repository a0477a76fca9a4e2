// The WebSocket of the clients by hand: that of the page, or one in a Worker (relay.mjs); and packets as they send them.

/** Opens it; `receive(buffer)` is called with each ArrayBuffer that arrives. What is sent must not be used again. */
export async function openSocket(url, worker, receive) {
  if (!worker) {
    const socket = new WebSocket(url, "mqtt");
    socket.binaryType = "arraybuffer";
    await new Promise((resolve, reject) => Object.assign(socket, { onopen: resolve, onerror: reject }));
    socket.onmessage = ({ data }) => receive(data);
    return { send: (bytes) => socket.send(bytes) };
  }
  const relay = new Worker("/relay.js");
  relay.postMessage({ url });
  await new Promise((resolve, reject) => Object.assign(relay, { onmessage: resolve, onerror: reject }));
  relay.onmessage = ({ data }) => receive(data);
  return { send: (bytes) => relay.postMessage({ bytes }, [bytes.buffer]) };
}

/** One behind the other. */
export function join(parts) {
  let size = 0;
  for (const part of parts) size += part.length;
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** An ASCII string with its length before it; a TextEncoder takes longer for one so short. */
function putText(bytes, at, string) {
  bytes[at++] = string.length >> 8;
  bytes[at++] = string.length & 255;
  for (let i = 0; i < string.length; i++) bytes[at++] = string.charCodeAt(i);
  return at;
}

/** CONNECT of MQTT 3.1.1: clean, without keep-alive. */
export function connect() {
  const bytes = new Uint8Array([0x10, 17, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 2, 0, 0, 0, 5, 0, 0, 0, 0, 0]);
  putText(bytes, 12, "bench");
  return bytes;
}

export function subscribe(id, filter, qos) {
  const bytes = new Uint8Array(filter.length + 7); // of less than 128
  bytes.set([0x82, filter.length + 5, id >> 8, id & 255]);
  bytes[putText(bytes, 4, filter)] = qos;
  return bytes;
}

export function publish(topic, payload, qos, id) {
  const length = 2 + topic.length + (qos > 0 ? 2 : 0) + payload.length;
  const head = length < 128 ? 2 : 3;
  const bytes = new Uint8Array(head + length);
  bytes[0] = 0x30 | (qos << 1);
  bytes[1] = head === 2 ? length : (length & 127) | 128;
  if (head === 3) bytes[2] = length >> 7;
  let at = putText(bytes, head, topic);
  if (qos > 0) {
    bytes[at++] = id >> 8;
    bytes[at++] = id & 255;
  }
  bytes.set(payload, at);
  return bytes;
}
