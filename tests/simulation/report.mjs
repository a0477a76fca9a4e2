// Makes the figures and the plot of docs/reconnect.md: `node tests/simulation/report.mjs` writes them.
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { simulate } from "./simulate.mjs";

const page = new URL("../../docs/reconnect.md", import.meta.url);
const plot = new URL("../../docs/reconnect.svg", import.meta.url);
const BEGIN = "<!-- figures: made by tests/simulation/report.mjs -->\n";
const END = "<!-- end -->\n";

const count = (number) => Math.round(number).toLocaleString("en");

const kilobytes = (bytes) => (bytes / 1024).toFixed(1);

function table({ restarts }) {
  const rows = restarts.map(({ down, window, mean, peak, attempts }) =>
    [`${down} s`, `${window.toFixed(1)} s`, count(mean), count(peak), (peak / mean).toFixed(2), attempts.toFixed(1)]);
  const head = ["server gone for", "all are back after", "connects per s, mean", "… in the second with most", "peak / mean", "attempts of a client"];
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |\n`).join("");
}

function figures(result) {
  const { sessions, bytesPerSession, bytesPerSessionAfterRestarts, sweep } = result;
  const [worstAt, worst] = sweep.reduce((most, each) => (each[1] > most[1] ? each : most));
  return `${table(result)}
Between these times, from 1 s to 120 s, the ratio is ${(sweep.reduce((sum, [, ratio]) => sum + ratio, 0) / sweep.length).toFixed(1)} on average, and ${worst.toFixed(1)} at worst (${worstAt} s).

A session that is online and idle takes ${kilobytes(bytesPerSession)} KB, and ${kilobytes(bytesPerSessionAfterRestarts)} KB after the restarts (${count(sessions)} of them in one process, 64-bit).
`;
}

// ---- the plot ----

const WIDTH = 760;
const PANEL = { width: 350, height: 150 };

const text = (x, y, content, more = "") => `<text x="${x}" y="${y}" ${more}>${content}</text>`;
const line = (x1, y1, x2, y2, kind) => `<path class="${kind}" d="M${x1.toFixed(1)} ${y1.toFixed(1)}L${x2.toFixed(1)} ${y2.toFixed(1)}"/>`;

/** Connects in each second, beside their mean and twice that. */
function restartPanel({ down, window, mean, peak, perSecond }, left, top) {
  const { width, height } = PANEL;
  const highest = Math.max(2 * mean, ...perSecond) * 1.05;
  const y = (value) => top + height - (value / highest) * height;
  const step = width / perSecond.length;
  const bars = perSecond.map((connects, i) => {
    const x = left + i * step;
    return `<rect class="bar" x="${x.toFixed(1)}" y="${y(connects).toFixed(1)}" width="${(step * 0.9).toFixed(1)}" height="${(top + height - y(connects)).toFixed(1)}"/>`;
  });
  return [
    text(left, top - 8, `gone for ${down} s: all back in ${window.toFixed(1)} s, peak ${(peak / mean).toFixed(2)} × mean`),
    ...bars,
    line(left, y(mean), left + width, y(mean), "mean"),
    line(left, y(2 * mean), left + width, y(2 * mean), "limit"),
    text(left + width, y(2 * mean) - 3, "2 × mean", 'text-anchor="end" class="small"'),
    line(left, top + height, left + width, top + height, "axis"),
    text(left, top + height + 13, "0 s", 'class="small"'),
    text(left + width, top + height + 13, `${perSecond.length} s after the return`, 'text-anchor="end" class="small"'),
  ];
}

/** The ratio for all times between. */
function sweepPanel(sweep, left, top) {
  const { height } = PANEL;
  const width = WIDTH - 2 * left;
  const longest = sweep.at(-1)[0];
  const x = (down) => left + (down / longest) * width;
  const y = (ratio) => top + height - (ratio / 4) * height;
  const points = sweep.map(([down, ratio]) => `${x(down).toFixed(1)} ${y(ratio).toFixed(1)}`);
  const marks = [0, 30, 60, 90, 120].map((down) => text(x(down), top + height + 13, `${down} s`, 'text-anchor="middle" class="small"'));
  return [
    text(left, top - 8, "peak / mean by how long the server was gone"),
    line(left, y(2), left + width, y(2), "limit"),
    ...[1, 2, 3].map((ratio) => text(left - 6, y(ratio) + 3, ratio, 'text-anchor="end" class="small"')),
    `<path class="ratio" d="M${points.join("L")}"/>`,
    line(left, top + height, left + width, top + height, "axis"),
    ...marks,
  ];
}

function svg({ restarts, sweep }) {
  const panels = restarts.flatMap((restart, i) => restartPanel(restart, 20 + (i % 2) * 370, 30 + Math.floor(i / 2) * 200));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="620" font-family="sans-serif" font-size="12">
<style>.bar{fill:#4a90c2}.mean,.limit,.axis,.ratio{fill:none;stroke:#555}.limit{stroke:#c0392b;stroke-dasharray:5 3}.mean{stroke-dasharray:2 2}.ratio{stroke:#4a90c2;stroke-width:1.5}.small{font-size:10px;fill:#555}</style>
<rect width="100%" height="100%" fill="#fff"/>
${[...panels, ...sweepPanel(sweep, 20, 430)].join("\n")}
</svg>
`;
}

// ---- the files ----

/** What docs/ should have, by file. */
export function report(result) {
  const old = readFileSync(page, "utf8");
  const begin = old.indexOf(BEGIN) + BEGIN.length;
  const end = old.indexOf(END);
  if (begin < BEGIN.length || end < begin) throw new Error(`${page} has no place for the figures`);
  return [
    [page, old.slice(0, begin) + figures(result) + old.slice(end)],
    [plot, svg(result)],
  ];
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  for (const [file, content] of report(simulate())) writeFileSync(file, content);
}
