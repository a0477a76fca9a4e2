// What the whole has given, as a table in docs/faults.md.
import { readFileSync, writeFileSync } from "node:fs";

const file = new URL("../../docs/faults.md", import.meta.url);
const BEGIN = "<!-- figures: made by scripts/soak --report -->\n";
const END = "<!-- end of figures -->\n";

function row({ name, part, state }) {
  if (state === undefined) return `| ${name} | ${part.title} | – | not run | |`;
  const figures = Object.entries(state.figures).map(([what, figure]) => `${what} ${figure.toLocaleString("en")}`).join(", ");
  const done = state.done < part.rounds ? `${state.done} of ${part.rounds} rounds: ` : "";
  return `| ${name} | ${part.title} | ${state.date}, seed ${state.seed}, ${Math.ceil(state.seconds / 60)} min | ${done}${figures} |`;
}

/** `results`: `{ name, part, state }` of each part. */
export function writeReport(results) {
  const machines = new Set(results.filter(({ state }) => state).map(({ state }) => state.machine));
  const table = [
    `On ${[...machines].join("; ")}. Lost: 0; twice at QoS 2: 0; out of order: 0; rejected while the session lived: 0. A round that finds one`,
    "fails, and does not count. What else was counted:\n",
    "| part | what is done | when | figures |",
    "| --- | --- | --- | --- |",
    ...results.map(row),
  ].join("\n");
  const text = readFileSync(file, "utf8");
  const [before, rest] = text.split(BEGIN);
  const after = rest.split(END)[1];
  writeFileSync(file, `${before}${BEGIN}${table}\n${END}${after}`);
}
