// What a message costs tarta with more and more subscriptions, or topics.
import { asked, median, shown } from "../figures.mjs";
import { amounts, growth, workloads } from "../workloads.mjs";

export const title = "tarta, as more is kept";

const LABELS = { subscriptions: "exact filters, messages on 100 topics", topics: "topics, one filter" };
const NAMES = 16_384; // that the core keeps: beyond that, a topic is one never seen before
const FLAT = 1.5; // times the first

export async function measure({ rounds, scale, port, probe }) {
  const found = {};
  for (let round = 0; round < rounds; round++) {
    for (const name of Object.values(growth).flat()) {
      const { warm, count } = amounts(workloads[name], "tarta", scale);
      const figure = await probe("messages", ["tarta", name, port, warm, count]);
      if (figure) (found[name] ??= []).push(figure.cpu * 1_000);
    }
  }
  return Object.entries(growth).flatMap(([kind, names]) => {
    const first = median(found[names[0]] ?? []);
    return names.filter((name) => found[name]).map((name) => {
      const [, number] = name.split("-");
      const cpu = median(found[name]);
      const bounded = kind === "topics" && number > NAMES;
      return {
        name,
        label: `${LABELS[kind]}: ${shown(Number(number))}`,
        figures: { cpu }, // ns
        cells: { "CPU per message, ns": shown(cpu), "the first = 1": shown(cpu / first, 2) },
        ...(name !== names[0] && !bounded && { asked: asked(cpu / first, { most: FLAT, unit: "×" }) }),
      };
    });
  });
}
