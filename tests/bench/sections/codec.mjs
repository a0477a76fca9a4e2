// The codec alone: tarta's as its engine uses it, beside that of MQTT.js.
import { asked, median, shown } from "../figures.mjs";

export const title = "Codec alone, ns per PUBLISH of 64 B";

const CODECS = { tarta: "tarta", mqttPacket: "mqtt-packet" };
const WORK = [
  { name: "decode", label: "decode, 16 KB WebSocket messages", most: 90 },
  { name: "encode", label: "encode", most: 60 },
];

export async function measure({ rounds, scale, probe }) {
  const found = { tarta: [], mqttPacket: [] };
  for (let round = 0; round < rounds; round++) {
    for (const codec of Object.keys(CODECS)) {
      const figures = await probe("codec", [codec, Math.ceil(40 * scale)]);
      if (figures) found[codec].push(figures);
    }
  }
  return WORK.map(({ name, label, most }) => {
    const figures = Object.fromEntries(Object.keys(CODECS).map((codec) => [codec, median(found[codec].map((one) => one[name]))]));
    return {
      name,
      label,
      figures, // ns
      cells: Object.fromEntries(Object.entries(CODECS).map(([codec, column]) => [column, shown(figures[codec])])),
      asked: asked(figures.tarta, { most, unit: " ns" }),
    };
  });
}
