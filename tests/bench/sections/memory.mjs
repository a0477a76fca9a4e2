// The memory of a process that has received a million messages.
import { asked, median, shown } from "../figures.mjs";
import { amounts, workloads } from "../workloads.mjs";

export const title = "Memory of the process after many messages (RSS)";

const MOST = 1.1; // times that of the bare WebSocket
const QUICK = 0.1; // of the messages: there is little growth after that

export async function measure({ clients, rounds, scale, quick, port, probe }) {
  const workload = workloads.memory;
  const taking = Object.keys(clients).filter((client) => !clients[client].cannot?.(workload));
  const found = Object.fromEntries(taking.map((client) => [client, []]));
  const { warm, count } = amounts(workload, "tarta", quick ? QUICK : Math.min(scale, 1));
  for (let round = 0; round < Math.min(rounds, 3); round++) {
    for (const client of taking) {
      const figure = await probe("messages", [client, workload.name, port, warm, count]);
      if (figure) found[client].push(figure.rss);
    }
  }
  const bare = median(found.bare ?? []);
  return taking.map((client) => {
    const rss = median(found[client]);
    const ratio = rss && bare && rss / bare;
    return {
      name: client,
      label: clients[client].label,
      figures: { rss, ratio, messages: warm + count },
      cells: { [`after ${shown(warm + count)}, MB`]: shown(rss && rss / 1e6), "bare = 1": shown(ratio, 2) },
      ...(client === "tarta" && { asked: asked(ratio, { most: MOST }) }),
    };
  });
}
