// Publish and back, at 50 messages a second.
import { asked, percentile, shown } from "../figures.mjs";

export const title = "Publish and back at 50/s";

const TAKING = ["bare", "reference", "tarta", "mqttjs"];
const PARTS = { "p50, ms": 0.5, "p99, ms": 0.99 };
const MOST = 1.3; // times the bare WebSocket's median

export async function measure({ clients, scale, port, probe }) {
  const taking = TAKING.filter((client) => client in clients);
  const times = await probe("latency", [port, Math.ceil(1_200 * scale), ...taking]);
  if (!times) return [];
  return taking.map((client) => {
    const figures = Object.fromEntries(Object.entries(PARTS).map(([part, at]) => [part, percentile(times[client], at)]));
    const ratio = times.bare && figures["p50, ms"] / percentile(times.bare, 0.5);
    return {
      name: client,
      label: clients[client].label,
      figures,
      cells: {
        ...Object.fromEntries(Object.entries(figures).map(([part, value]) => [part, shown(value, 2)])),
        ...(ratio && { "p50, bare = 1": shown(ratio, 2) }),
      },
      ...(ratio && client === "tarta" && { asked: asked(ratio, { most: MOST }) }),
    };
  });
}
