// Makes each check of the core go wrong in turn, and looks whether a native test fails; scripts/mutate calls it.
//
//   node run.mjs sources FOLDER   writes the core with its checks to FOLDER/core, and what they are to FOLDER/checks.json
//   node run.mjs run FOLDER PROGRAM [--listed] [--only TEXT]
import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { instrument } from "./instrument.mjs";

const here = new URL(".", import.meta.url);
const core = new URL("../../core/", here);
const limits = JSON.parse(readFileSync(new URL("../limits.json", here), "utf8"));
/** Names of the mutants that no test finds. The file has them by the reason why they need not be found. */
const argued = new Set(JSON.parse(readFileSync(new URL("survivors.json", here), "utf8")).flatMap(({ mutants }) => mutants));

const KINDS = ["removed", "inverted"];
const GROUPS = [100, 800, Infinity]; // ms of tests that are run together: at first the quickest; what takes longer, alone
const PATIENCE = [6, 3_000]; // a mutant may take so many times as long as the tests do, and so many ms more

/** Writes a file where it has changed, so that only what has changed is compiled. */
function write(file, text) {
  let before;
  try {
    before = readFileSync(file, "utf8");
  } catch {}
  if (before !== text) writeFileSync(file, text);
}

async function writeSources(folder) {
  mkdirSync(join(folder, "core"), { recursive: true });
  const all = readdirSync(core).sort().map((name) => ({ name, text: readFileSync(new URL(name, core), "utf8") }));
  const { sources, checks } = await instrument(all.filter(({ name }) => /\.[ch]pp$/.test(name)));
  for (const { name, text } of [...sources, ...all.filter(({ name }) => name.endsWith(".def"))]) write(join(folder, "core", name), text);
  write(join(folder, "core", "mutant.hpp"), readFileSync(new URL("mutant.hpp", here), "utf8"));
  write(join(folder, "checks.json"), JSON.stringify(checks));
  console.log(`${checks.length} checks`);
}

/** Runs the tests; resolves with "passed", "failed" or "hung". */
function test(program, names, environment, timeout) {
  // Commas stand between names.
  const filter = names && `--test-case=${names.map((name) => name.replaceAll(",", "?")).join()}`;
  return new Promise((resolve) => {
    const child = spawn(program, ["--abort-after=1", ...(filter ? [filter] : [])], {
      env: { ...process.env, ASAN_OPTIONS: "detect_leaks=1:hard_rss_limit_mb=2000:allocator_may_return_null=1", ...environment },
      stdio: "ignore",
    });
    children.add(child);
    let hung = false;
    const timer = setTimeout(() => {
      hung = true;
      child.kill("SIGKILL");
    }, timeout);
    child.on("exit", (code) => {
      clearTimeout(timer);
      children.delete(child);
      resolve(hung ? "hung" : code === 0 ? "passed" : "failed");
    });
  });
}
const children = new Set();

/** Which test case reaches which check, with which values: a list of { name, ms, values: Map }, the quickest first. */
async function reach(program, folder) {
  const file = join(folder, "reach.tsv");
  const outcome = await test(program, undefined, { TARTA_MUTANT_REACH: file }, 300_000);
  if (outcome !== "passed") throw new Error(`without a mutant the tests have ${outcome}`);
  return readFileSync(file, "utf8").trimEnd().split("\n").map((line) => {
    const [ms, name, ...checks] = line.split("\t");
    return { name, ms: Number(ms), values: new Map(checks.map((one) => one.split(":").map(Number))) };
  }).sort((a, b) => a.ms - b.ms);
}

/** What becomes of one mutant: "unreached", "passed" (it survives), "failed" or "hung". */
async function judge(program, tests, number, check, kind) {
  // Removed, a check behaves otherwise only where it is not what it would be without.
  const telling = kind === "inverted" ? 3 : check.without ? 1 : 2;
  const able = tests.filter(({ values }) => (values.get(number) ?? 0) & telling);
  if (able.length === 0) return "unreached";
  const environment = { TARTA_MUTANT: String(number * 2 + KINDS.indexOf(kind)) };
  let rest = able;
  for (const most of GROUPS) {
    let usual = 0;
    const group = rest.filter(({ ms }) => (usual += ms) <= most);
    if (group.length === 0) continue;
    rest = rest.slice(group.length);
    usual = group.reduce((total, { ms }) => total + ms, 0);
    const outcome = await test(program, group.map(({ name }) => name), environment, usual * PATIENCE[0] + PATIENCE[1]);
    if (outcome !== "passed") return outcome;
  }
  return "passed";
}

async function run(folder, program, { listed, only }) {
  const checks = JSON.parse(readFileSync(join(folder, "checks.json"), "utf8"));
  const tests = await reach(program, folder);
  const mutants = checks.flatMap((check, number) =>
    KINDS.filter((kind) => kind === "removed" || !check.pointer).map((kind) => ({ number, check, kind, name: `${check.name}: ${kind}` })));
  const judged = mutants.filter(({ name }) => argued.has(name) === listed && (!only || name.includes(only)));
  console.log(`${checks.length} checks, ${mutants.length} mutants, ${judged.length} to be tried with ${tests.length} test cases`);

  const survivors = [];
  let next = 0;
  let done = 0;
  let hung = 0;
  const worker = async () => {
    while (next < judged.length) {
      const mutant = judged[next++];
      const outcome = await judge(program, tests, mutant.number, mutant.check, mutant.kind);
      if (outcome === "hung") hung++;
      if (outcome === "passed" || outcome === "unreached") survivors.push({ ...mutant, outcome });
      if (++done % 100 === 0) console.log(`  ${done} of ${judged.length}, ${survivors.length} survive`);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));

  const killed = judged.length - survivors.length;
  const problems = survivors
    .filter(({ name }) => !argued.has(name))
    .map(({ name, check, outcome }) => `core/${check.file}:${check.line}: ${name}: ${outcome === "unreached" ? "no test reaches it" : "no test fails"}`);
  const names = new Set(mutants.map(({ name }) => name));
  const surviving = new Set(survivors.map(({ name }) => name));
  for (const name of argued) {
    if (!names.has(name)) problems.push(`survivors.json: there is no "${name}"`);
    else if (listed && !only && !surviving.has(name)) problems.push(`survivors.json: a test finds "${name}"`);
  }
  if (judged.length === 0) problems.push(`there is no such mutant: "${only ?? ""}"`);
  for (const problem of problems) console.log(problem);
  console.log(`${killed} found, ${hung} of them by not ending; ${survivors.length} survive`);
  if (!listed && !only) {
    const percent = (100 * killed) / mutants.length;
    console.log(`${percent.toFixed(1)} % of all are found; ${limits.mutants} % are asked for (tests/limits.json), and a reason for each of the others`);
    if (percent < limits.mutants) problems.push("too few");
  }
  console.log(`${problems.length === 0 ? 1 : 0} passed, ${problems.length} failed`);
  process.exitCode = problems.length > 0 ? 1 : 0;
}

const { values, positionals: [command, folder, program] } = parseArgs({
  allowPositionals: true,
  options: { listed: { type: "boolean", default: false }, only: { type: "string" } },
});
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    for (const child of children) child.kill("SIGKILL");
    process.exit(130);
  });
}
if (command === "sources") await writeSources(folder);
else await run(folder, program, values);
