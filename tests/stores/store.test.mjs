// The cases that all stores share, for those of Node.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { memoryStore } from "tarta";
import { fileStore } from "tarta/node";
import { cases } from "./cases.mjs";

const root = mkdtempSync(join(tmpdir(), "tarta-stores-"));
after(() => rmSync(root, { recursive: true }));

describe("memoryStore", () => {
  for (const [name, run] of Object.entries(cases)) test(name, () => run({ make: memoryStore, again: (store) => store }));
});

describe("fileStore", () => {
  const folders = new Map();
  const make = () => {
    const folder = join(root, `${folders.size}`, "deep");
    const store = fileStore(folder);
    folders.set(store, folder);
    return store;
  };
  for (const [name, run] of Object.entries(cases)) test(name, () => run({ make, again: (store) => fileStore(folders.get(store)) }));
});
