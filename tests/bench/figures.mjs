// What is made of many figures, and the tables in which they are shown.

export const percentile = (numbers, part) => [...numbers].sort((a, b) => a - b)[Math.min(numbers.length - 1, Math.floor(numbers.length * part))];
export const median = (numbers) => percentile(numbers, 0.5);

/** A figure as a table shows it, with so many digits after the point; there is a dash where it could not be had. */
export const shown = (value, digits = 0) =>
  value === undefined ? "–" : value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });

/** What is asked of tarta, beside a figure: `most` it may be, or `least`. `unit` is written after the number. */
export function asked(value, { most, least, unit = "" }) {
  const text = least === undefined ? `≤ ${most}${unit}` : `≥ ${least}${unit}`;
  return { text, met: value !== undefined && (least === undefined ? value <= most : value >= least) };
}

/**
 * A Markdown table. A row has a `label`, `cells` (what is shown, by the names of columns), `figures` (the same as numbers) and,
 * where something is asked of tarta, `asked`.
 */
export function table(title, rows) {
  const columns = [...new Set(rows.flatMap(({ cells }) => Object.keys(cells)))];
  const withAsked = rows.some((row) => row.asked);
  const line = (first, rest) => `| ${[first, ...rest].join(" | ")} |`;
  return [
    line(title, [...columns, ...(withAsked ? ["asked of tarta"] : [])]),
    line("---", [...columns, ...(withAsked ? [""] : [])].map(() => "---:")),
    ...rows.map(({ label, cells, asked }) =>
      line(label, [...columns.map((column) => cells[column] ?? "–"), ...(withAsked ? [asked ? `${asked.text} ${asked.met ? "✓" : "✗"}` : "–"] : [])])),
  ].join("\n");
}
