// A cold start in Node, in a fresh process each time.
import { median, shown } from "../figures.mjs";

export const title = "Cold start in Node, import to CONNACK";

export async function measure({ clients, scale, port, probe }) {
  const found = Object.fromEntries(Object.keys(clients).map((client) => [client, []]));
  for (let round = 0; round < Math.max(1, 20 * scale); round++) {
    for (const client of Object.keys(clients)) {
      const time = await probe("load", [client, port]);
      if (time) found[client].push(time);
    }
  }
  return Object.entries(clients).map(([client, { label }]) => {
    const time = median(found[client]);
    return { name: client, label, figures: { time }, cells: { ms: shown(time) } };
  });
}
