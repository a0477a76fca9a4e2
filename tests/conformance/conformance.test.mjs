// Each statement that binds a client, each breach by the server that a client can see, each scenario and each class of
// mistakes has a test that names it, or a reason in untestable.json.
import assert from "node:assert/strict";
import test from "node:test";
import { mapOf, needed, parseTag, readTags, summary, untestable } from "./map.mjs";

const tags = readTags();

test("tags name what there is, above a test", () => {
  for (const { file, test: name, kind, id } of tags) {
    assert.ok(name, `${file}: the tag "${kind} ${id}" stands above no test`);
    assert.ok(needed[kind]?.some((one) => one.id === id), `${file}: ${name}: there is no "${kind} ${id}" to be shown`);
  }
});

test("a tag that is no list of statements is a mistake", () => {
  assert.deepEqual(parseTag("5.0 MQTT-3.2.2-4, MQTT-3.2.2-5; scenarios 3"), [
    { kind: "5.0", id: "MQTT-3.2.2-4" },
    { kind: "5.0", id: "MQTT-3.2.2-5" },
    { kind: "scenarios", id: "3" },
  ]);
  assert.throws(() => parseTag("MQTT-3.2.2-4"));
  assert.throws(() => parseTag("5.0 MQTT-3.2.2-4;"));
});

test("reasons are given for what there is", () => {
  for (const [kind, reasons] of Object.entries(untestable)) {
    for (const [id, reason] of Object.entries(reasons)) {
      assert.ok(needed[kind]?.some((one) => one.id === id), `untestable.json: there is no "${kind} ${id}"`);
      assert.ok(reason.length > 20, `untestable.json: ${kind} ${id}: "${reason}" is no reason`);
    }
  }
});

for (const kind of Object.keys(needed)) {
  test(`each has a test or a reason: ${kind}`, (t) => {
    const rows = mapOf(kind, tags);
    t.diagnostic(summary(kind, rows));
    for (const { id, tests, reason } of rows) t.diagnostic(`${id}: ${[...tests, ...(reason ? [`(${reason})`] : [])].join(" · ")}`);
    const open = rows.filter(({ tests, reason }) => tests.length === 0 && !reason);
    assert.equal(open.length, 0, `without a test:\n${open.map(({ id, text }) => `${id} ${text}`).join("\n")}`);
    const both = rows.filter(({ tests, reason }) => tests.length > 0 && reason);
    assert.equal(both.length, 0, `tested, so no reason is needed: ${both.map(({ id }) => id).join(", ")}`);
  });
}
