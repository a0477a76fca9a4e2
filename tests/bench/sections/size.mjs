// What a page loads: the minified build for pages that each package has.
import { readFileSync } from "node:fs";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { shown } from "../figures.mjs";

export const title = "Bytes that a page loads";

const BUILDS = {
  tarta: new URL("dist/tarta.mjs", import.meta.resolve("tarta/package.json")),
  mqttjs: new URL(import.meta.resolve("mqtt/dist/mqtt.esm")),
  paho: new URL(import.meta.resolve("paho-mqtt/paho-mqtt-min.js")),
  u8: new URL(import.meta.resolve("u8-mqtt/esm/web/index.min.js")),
};

export async function measure({ clients }) {
  return Object.entries(BUILDS).filter(([client]) => client in clients).map(([client, build]) => {
    const bytes = readFileSync(build);
    const figures = { raw: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length, brotli: brotliCompressSync(bytes).length };
    return {
      name: client,
      label: clients[client].label,
      figures,
      cells: Object.fromEntries(Object.entries(figures).map(([form, size]) => [form, shown(size)])),
    };
  });
}
