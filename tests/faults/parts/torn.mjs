// One byte of a store on disk that has changed, or a file that was cut, at every offset: it opens whole, or without the groups
// whose bytes that were; or it is found corrupt, and a repair keeps all but what those bytes told of.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Findings } from "../judge.mjs";
import { PARTS } from "../parts.mjs";
import { Random } from "../random.mjs";
import { build } from "../torn.mjs";

const { rounds } = PARTS.torn; // each takes one offset of so many

const PROGRAM = fileURLToPath(new URL("../torn.mjs", import.meta.url));
const FILES = /\.log$|\.ldb$|^MANIFEST|^CURRENT$/; // the others have no content that counts
const PROCESSES = 2;
const SHORT = 4; // a short round does one of so many of its changes
const PATIENCE = 10_000; // ms for an answer
const FATES = { whole: "opened whole", tail: "opened without the tail", corrupt: "found corrupt" };

const scratchFolder = () => mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "tarta-torn-")); // nothing is to last

/** The store, and all that is to be done to it. */
export async function prepare() {
  const root = scratchFolder();
  const folder = join(root, "store");
  const known = await build(folder);
  const changes = readdirSync(folder).filter((file) => FILES.test(file)).flatMap((file) =>
    Array.from(readFileSync(join(folder, file)), (_, at) => ["flip", "cut"].map((how) => ({ file, at, how }))).flat());
  return { folder, known, changes, close: () => rmSync(root, { recursive: true, force: true }) };
}

/** Has a process do these changes, one after the other, and tells of each answer. Ends early when it is aborted. */
async function apply({ folder, known }, changes, told, signal) {
  const scratch = scratchFolder();
  writeFileSync(join(scratch, "expected.json"), JSON.stringify(known));
  const child = spawn(process.execPath, [PROGRAM, folder, scratch], { stdio: ["pipe", "pipe", "ignore"] });
  const kill = () => child.kill("SIGKILL");
  const ended = new Promise((resolve) => child.once("close", (code, end) => resolve(end ?? code)));
  child.stdin.on("error", () => {}); // its end is looked at
  signal.addEventListener("abort", kill);
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  try {
    for (const change of changes) {
      let late = false;
      const timer = setTimeout(() => (late = child.kill("SIGKILL")), PATIENCE);
      child.stdin.write(`${JSON.stringify(change)}\n`);
      const { done, value } = await answers.next();
      clearTimeout(timer);
      if (signal.aborted) return;
      if (!done) told(change, JSON.parse(value));
      else return told(change, { fate: "ended", wrong: late ? "no answer" : `the process has ended with ${await ended}` });
    }
  } finally {
    signal.removeEventListener("abort", kill);
    kill();
    await ended;
    rmSync(scratch, { recursive: true, force: true });
  }
}

export async function round({ seed, index, prepared, signal, short }) {
  signal.throwIfAborted();
  const random = new Random(seed);
  const slices = short ? rounds * SHORT : rounds;
  const slice = (short ? seed : index) % slices;
  const changes = prepared.changes.filter((_, number) => Math.floor(number / 2) % slices === slice).map((change) => ({ ...change, bit: random.below(8) }));
  const findings = new Findings();
  const figures = { changes: 0, "found corrupt": 0, "opened whole": 0, "opened without the tail": 0 };
  const told = (change, { fate, wrong }) => {
    figures.changes++;
    if (FATES[fate]) figures[FATES[fate]]++;
    if (wrong) findings.add(`${change.how} in ${change.file}`, `at ${change.at}, bit ${change.bit}: ${wrong}`);
  };
  const shares = Array.from({ length: PROCESSES }, (_, process) => changes.filter((_, number) => number % PROCESSES === process));
  await Promise.all(shares.map((share) => apply(prepared, share, told, signal)));
  findings.check(`seed ${seed}, round ${index}`);
  return figures;
}

export function check(figures) {
  assert.ok(figures.changes >= 100_000, `${figures.changes} changes`);
  for (const fate of Object.values(FATES)) assert.ok(figures[fate] > 0, `${fate}: ${figures[fate]}`);
}
