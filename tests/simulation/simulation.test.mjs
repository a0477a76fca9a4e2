// A session takes little memory, and clients come back to a server evenly: tests/limits.json says how little, how evenly.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { report } from "./report.mjs";
import { CLIENTS, SESSIONS, simulate } from "./simulate.mjs";

const limits = JSON.parse(readFileSync(new URL("../limits.json", import.meta.url), "utf8")).simulation;
const result = simulate();

for (const [when, bytes] of [["", result.bytesPerSession], [", after restarts", result.bytesPerSessionAfterRestarts]]) {
  test(`an idle session is small${when}`, (t) => {
    const told = `${bytes} bytes each of ${SESSIONS}, ${limits.bytesPerSession} are allowed (tests/limits.json)`;
    t.diagnostic(told);
    assert.ok(bytes > 0 && bytes <= limits.bytesPerSession, told);
  });
}

assert.deepEqual(result.restarts.map(({ down }) => down), [1, 10, 60, 300]);
for (const { down, mean, peak, window, perSecond } of result.restarts) {
  test(`a server that was gone for ${down} s is not overrun`, (t) => {
    assert.equal(perSecond.reduce((sum, connects) => sum + connects, 0), CLIENTS);
    assert.ok(peak >= Math.max(...perSecond));
    const told = `${peak} connects in a second, ${(peak / mean).toFixed(3)} times the mean over ${window} s; ${limits.peakToMean} times are allowed (tests/limits.json)`;
    t.diagnostic(told);
    assert.ok(peak <= limits.peakToMean * mean, told);
  });
}

test("docs/reconnect.md and its plot tell just that", () => {
  for (const [file, content] of report(result)) {
    assert.equal(readFileSync(file, "utf8"), content, `${file} is old: node tests/simulation/report.mjs`);
  }
});
