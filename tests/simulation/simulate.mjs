// Runs the simulation that docs/reconnect.md tells of.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

export const CLIENTS = 1_000_000;
export const SESSIONS = 100_000; // of them, with a whole session each

/** What main.cpp prints. */
export function simulate() {
  const program = fileURLToPath(new URL("../../build/measure/bin/simulation", import.meta.url));
  return JSON.parse(execFileSync(program, [CLIENTS, SESSIONS], { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }));
}
