// CPU per message, as ratios in which MQTT.js is 1.
import { asked, median, shown } from "../figures.mjs";
import { amounts, messages } from "../workloads.mjs";

export const title = "CPU per message, MQTT.js = 1";

export async function measure({ clients, workloads, rounds, scale, port, probe, note }) {
  const rows = [];
  for (const name of workloads) {
    const workload = messages[name];
    const taking = Object.entries(clients).filter(([, { cannot }]) => !cannot?.(workload));
    const found = Object.fromEntries(taking.map(([client]) => [client, []]));
    for (let round = 0; round < rounds; round++) {
      // One after the other in each round, so that what else the machine does meets all of them alike.
      for (const [client] of taking) {
        const { warm, count } = amounts(workload, client, scale);
        const figure = await probe("messages", [client, name, port, warm, count]);
        if (figure) found[client].push(figure.cpu);
      }
    }
    const having = taking.filter(([client]) => found[client].length > 0);
    const figures = Object.fromEntries(having.map(([client]) => [client, median(found[client])])); // µs
    note(`  ${name}, µs: ${Object.entries(figures).map(([client, cpu]) => `${client} ${shown(cpu, 2)}`).join(", ")}`);
    const times = (client) => figures.mqttjs / figures[client];
    const cells = {};
    for (const [client, { label }] of Object.entries(clients)) {
      if (client === "mqttjs") continue;
      cells[label] = figures[client] && figures.mqttjs ? `${shown(times(client), 1)}×` : "–";
    }
    if (figures.mqttjs) cells["MQTT.js, µs"] = shown(figures.mqttjs, 2);
    rows.push({
      name,
      label: workload.label,
      figures,
      cells,
      ...(workload.times && figures.tarta && figures.mqttjs && { asked: asked(times("tarta"), { least: workload.times, unit: "×" }) }),
    });
  }
  return rows;
}
