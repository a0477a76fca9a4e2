// What a publish of QoS 1 holds until it is acknowledged.
import { asked, shown } from "../figures.mjs";

export const title = "Live bytes of each QoS 1 publish of 64 B under way";

const COUNT = 60_000; // packet identifiers are 16 bits
const TAKING = ["tarta", "mqttjs"];
const PARTS = [
  { name: "core", label: "in the core (WebAssembly memory)", most: 130 },
  { name: "all", label: "with its promise", most: 320 },
];

export async function measure({ clients, scale, port, probe }) {
  const taking = TAKING.filter((client) => client in clients);
  const found = {};
  for (const client of taking) {
    // Memory is the same in each round.
    found[client] = await probe("held", [client, port, Math.ceil(COUNT * Math.min(1, scale * 4))], { flags: ["--expose-gc"] });
  }
  return PARTS.map(({ name, label, most }) => {
    const having = taking.filter((client) => client === "tarta" || name === "all");
    const figures = Object.fromEntries(having.map((client) => [client, found[client]?.[name]]));
    return {
      name,
      label,
      figures, // bytes
      cells: Object.fromEntries(having.map((client) => [clients[client].label, shown(figures[client])])),
      ...(figures.tarta && { asked: asked(figures.tarta, { most, unit: " B" }) }),
    };
  });
}
