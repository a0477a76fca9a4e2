// What the whole has given, as a table in docs/faults.md. A row names the machine, as rows may come from several.
import { readFileSync, writeFileSync } from "node:fs";

const DOCUMENT = new URL("../../docs/faults.md", import.meta.url);
const BEGIN = "<!-- figures: made by scripts/soak --report -->\n";
const END = "<!-- end of figures -->\n";

function row({ name, part, state }) {
  const figures = Object.entries(state.figures).map(([what, figure]) => `${what} ${figure.toLocaleString("en")}`).join(", ");
  const done = state.done < part.rounds ? `${state.done} of ${part.rounds} rounds: ` : "";
  const when = `${state.date}, seed ${state.seed}, ${Math.ceil(state.seconds / 60)} min, ${state.machine}`;
  return `| ${name} | ${part.title} | ${when} | ${done}${figures} |`;
}

/**
 * Writes the row of each part that has a state; of the others the row stays that is there.
 *
 * @param results `{ name, part, state }` of each part
 */
export function writeReport(results, file = DOCUMENT) {
  const text = readFileSync(file, "utf8");
  const [before, rest] = text.split(BEGIN);
  const [old, after] = rest.split(END);
  const rowBefore = (name) => old.split("\n").find((line) => line.startsWith(`| ${name} |`));
  const table = [
    "Lost: 0; twice at QoS 2: 0; out of order: 0; rejected while the session lived: 0. A round that finds one fails, and does not",
    "count. What else was counted:\n",
    "| part | what is done | when, and where | figures |",
    "| --- | --- | --- | --- |",
    ...results.map((result) => (result.state ? row(result) : (rowBefore(result.name) ?? `| ${result.name} | ${result.part.title} | not run | – |`))),
  ].join("\n");
  writeFileSync(file, `${before}${BEGIN}${table}\n${END}${after}`);
}
