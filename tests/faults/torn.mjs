// A store on disk of known content, and what becomes of it when one byte of its files has changed, or a file was cut:
// `node torn.mjs FOLDER SCRATCH`, a process, as LevelDB may end it. Each line of its input is a change, `{ file, at, how, bit }`
// (`how`: "flip" a bit or "cut" the file there); each is answered with a line: `{ fate, wrong }`, where `wrong` is what should
// not be, if anything is.
import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { fileStore } from "tarta/node";
import { CLIENT, forget, INBOUND, keep, kept, MESSAGE, parts, RELEASED, shown } from "../stores/kit.mjs";

const { Ledger, repairStore } = parts;

const RUNS = [40, 50]; // groups: of the first the next opening makes a sorted table, those of the last are in the log, past its first 32 KiB
const LIVE = 30; // messages that are there at a time

const name = ({ kind, key }) => `${kind} ${key}`;

/** What the group of this number changes: a message comes, another goes or is released, an inbound identifier comes and goes. */
function groupOf(number) {
  const text = `${number} `.repeat(50 + ((number * 37) % 300));
  return [
    ...(number === 0 ? [keep(CLIENT, 0, "me")] : []),
    keep(MESSAGE, number, text),
    ...(number >= LIVE / 2 ? [keep(RELEASED, number - LIVE / 2)] : []),
    ...(number >= LIVE ? [forget(MESSAGE, number - LIVE), forget(RELEASED, number - LIVE)] : []),
    number % 2 === 0 ? keep(INBOUND, 1) : forget(INBOUND, 1),
  ];
}

/** Makes the store. Returns `{ states, log, ends }`: its content after each group; its log, and where each of the last run ends there. */
export async function build(folder) {
  const states = [[]];
  const ends = [0];
  const logOf = () => readdirSync(folder).find((file) => file.endsWith(".log"));
  let number = 0;
  for (const [run, groups] of RUNS.entries()) {
    const { ledger, records } = await Ledger.open(fileStore(folder));
    const content = new Map(records.map((record) => [name(record), shown([record])[0]]));
    for (let left = groups; left > 0; left--) {
      const group = groupOf(number++);
      await ledger.write(group);
      for (const change of group) {
        content.delete(name(change));
        if (change.bytes) content.set(name(change), shown([change])[0]);
      }
      states.push([...content.values()]);
      if (run === RUNS.length - 1) ends.push(statSync(join(folder, logOf())).size);
    }
    await ledger.close();
  }
  return { states, log: logOf(), ends };
}

const without = (some, others) => some.filter((one) => !others.includes(one));

/** What a change may do. */
class Expected {
  #states;
  #texts;
  #ends;

  constructor({ states, ends }) {
    this.#states = states;
    this.#texts = states.map((state) => JSON.stringify(state));
    this.#ends = ends;
  }

  /** How many groups of the last run are whole in the first bytes of the log. */
  #wholeGroups(bytes) {
    return this.#ends.findLastIndex((end) => end <= bytes);
  }

  /** Of a store that was opened. Returns how many groups are missing; what is wrong with that. */
  opened({ file, at, how }, records) {
    const groups = this.#texts.indexOf(JSON.stringify(records));
    const all = this.#texts.length - 1;
    if (groups < 0) return { fate: "gapped", wrong: `it is like no state that was: ${records.map((text) => text.slice(0, 20)).join("; ")}` };
    if (groups === all) return { fate: "whole" };
    const first = all - RUNS.at(-1);
    const least = !file.endsWith(".log") ? all : how === "cut" ? first + this.#wholeGroups(at) : all - 1;
    return { fate: "tail", wrong: groups < least ? `it has ${groups} groups, not ${least}` : undefined };
  }

  /** Of a store that was repaired: only what tells of the bytes that were changed may be lost, or be there again. */
  repaired({ file, at }, records) {
    const last = this.#states.at(-1);
    const everything = new Set(this.#states.flat());
    const invented = records.filter((text) => !everything.has(text));
    let lost = without(last, records);
    let extra = without(records, last);
    if (file.endsWith(".log")) {
      const group = this.#states.length - 1 - RUNS.at(-1) + this.#wholeGroups(at);
      const [before, after] = [this.#states[group], this.#states[group + 1]];
      lost = without(lost, without(after, before)); // what it wrote
      extra = without(extra, without(before, after)); // what it forgot
    } else if (file.endsWith(".ldb")) {
      lost = without(lost, this.#states[RUNS[0]]);
      extra = without(extra, this.#states[RUNS[0]]);
    }
    const wrong = [["invented", invented], ["lost", lost], ["back", extra]].filter(([, some]) => some.length > 0);
    return wrong.map(([what, some]) => `${some.length} ${what} by the repair: ${some.map((text) => text.slice(0, 20)).join("; ")}`).join("; ") || undefined;
  }
}

async function main(folder, scratch) {
  const expected = new Expected(JSON.parse(readFileSync(join(scratch, "expected.json"), "utf8")));
  const copy = join(scratch, "copy");
  const fateOf = async (change) => {
    const { file, at, how, bit } = change;
    rmSync(copy, { recursive: true, force: true });
    cpSync(folder, copy, { recursive: true });
    const bytes = readFileSync(join(copy, file));
    if (how === "flip") bytes[at] ^= 1 << bit;
    writeFileSync(join(copy, file), how === "cut" ? bytes.subarray(0, at) : bytes);
    try {
      return expected.opened(change, await kept(fileStore(copy)));
    } catch (error) {
      if (error.code !== "STORE_CORRUPT") return { fate: "failed", wrong: `${error.code ?? ""} ${error.message}` };
    }
    try {
      await repairStore(fileStore(copy));
      return { fate: "corrupt", wrong: expected.repaired(change, await kept(fileStore(copy))) };
    } catch (error) {
      return { fate: "corrupt", wrong: `not repaired: ${error.code ?? ""} ${error.message}` };
    }
  };
  for await (const line of createInterface({ input: process.stdin })) console.log(JSON.stringify(await fateOf(JSON.parse(line))));
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main(...process.argv.slice(2));
