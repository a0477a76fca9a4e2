// A disk whose power fails: it keeps what was synced, and of all else what it likes. disk.c, preloaded into a process, writes
// down what that does to the files below a folder; from this fail() makes what a lawful disk may have kept.
//
//   const disk = new Disk(root);
//   run a process with disk.begin(), and kill it
//   disk.fail(random);                // root now is as if the power had failed at that moment
//
// What is lawful (POSIX fsync(), and what journaling file systems hold to):
// - Of a file, all is there that it had when its last sync began. What was appended since is there up to any byte, or its length
//   is, and zeros in it.
//   The exception are the lists of files of a LevelDB: one that ends in zeros it rejects. The store is STORE_CORRUPT then, and a
//   repair finds everything; but few disks keep a length without its content (ext4 with data=writeback).
// - A folder's names are as they were when its last sync began, and after any number of its later changes, in their order: a
//   sync of a file says nothing of its name. A folder that is itself not there has nothing in it.
// - The length of a file goes the way of names: where some changes of names are lost, nothing is left of what was appended.
import { execFileSync } from "node:child_process";
import { linkSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const SOURCE = fileURLToPath(new URL("disk.c", import.meta.url));
const LIBRARY = fileURLToPath(new URL("../../build/faults/disk.so", import.meta.url));
const LIST = "MANIFEST";
const MODES = ["none", "all", "some", "zeros"]; // what is kept of that which was not synced

/** Builds disk.c, if need be. */
export function buildDisk() {
  const isFresh = () => statSync(LIBRARY, { throwIfNoEntry: false })?.mtimeMs > statSync(SOURCE).mtimeMs;
  if (isFresh()) return;
  mkdirSync(dirname(LIBRARY), { recursive: true });
  execFileSync("cc", ["-O1", "-Wall", "-shared", "-fPIC", "-o", LIBRARY, SOURCE, "-ldl", "-pthread"], { stdio: "inherit" });
}

export class Disk {
  #root;
  #past;
  /** When the process began: paths of folders; path → inode of files; inode → size. */
  #base;

  constructor(root) {
    this.#root = realpathSync(root);
    this.#past = mkdtempSync(join(tmpdir(), "tarta-disk-"));
  }

  close() {
    rmSync(this.#past, { recursive: true, force: true });
  }

  get #log() {
    return join(this.#past, "log");
  }

  /** What there is now is on the disk. Returns the environment of a process; `end`: it is killed after so many events. */
  begin(end = 0) {
    rmSync(this.#past, { recursive: true, force: true });
    mkdirSync(this.#past);
    writeFileSync(this.#log, "");
    this.#base = { folders: new Set([""]), files: new Map(), sizes: new Map() };
    for (const path of readdirSync(this.#root, { recursive: true })) {
      const found = lstatSync(join(this.#root, path));
      if (found.isDirectory()) {
        this.#base.folders.add(path);
        continue;
      }
      this.#base.files.set(path, found.ino);
      this.#base.sizes.set(found.ino, found.size);
      linkSync(join(this.#root, path), join(this.#past, `${found.ino}`));
    }
    return {
      LD_PRELOAD: LIBRARY, TARTA_DISK_ROOT: this.#root, TARTA_DISK_PAST: this.#past, TARTA_DISK_LOG: this.#log, TARTA_DISK_END: `${end}`,
      UV_USE_IO_URING: "0", // which goes past the C library
    };
  }

  /** What is written down. @throws Error if it is more than can be followed */
  #events() {
    const lines = readFileSync(this.#log, "utf8").split("\n").slice(0, -1);
    return lines.map((line) => {
      const event = line.split("\t");
      if (event[0] === "unfollowed") throw new Error(`${event[1]}() of ${event[2]}, which is not followed`);
      return event;
    });
  }

  /** The names that are left: `{ folders, files }`, as in #base; how many of their changes are not. */
  #names(events, random) {
    const changes = new Map(); // folder → [index, event]
    const synced = new Map(); // folder → how many events
    const of = (path) => (dirname(path) === "." ? "" : dirname(path));
    for (const [index, event] of events.entries()) {
      const [what, one, two] = event;
      if (what === "syncdir") synced.set(two, Number(one));
      else if (what !== "sync" && what !== "truncate") {
        const folder = of(what === "create" ? two : one);
        changes.set(folder, [...(changes.get(folder) ?? []), [index, event]]);
      }
    }
    const kept = [];
    let lost = 0;
    for (const [folder, all] of changes) {
      const sure = all.filter(([index]) => index < (synced.get(folder) ?? 0)).length;
      const count = sure + drawKept(random.of(MODES.slice(0, 3)), all.length - sure, random);
      kept.push(...all.slice(0, count));
      lost += all.length - count;
    }
    const folders = new Set(this.#base.folders);
    const files = new Map(this.#base.files);
    for (const [, [what, one, two]] of kept.sort(([one], [other]) => one - other)) {
      if (what === "create") files.set(two, Number(one));
      else if (what === "mkdir") folders.add(one);
      else if (what === "rmdir") folders.delete(one);
      else if (what === "unlink") files.delete(one);
      else if (files.has(one)) { // else it is a folder's, or of what is not there
        files.set(two, files.get(one));
        files.delete(one);
      }
    }
    return { folders, files, lost };
  }

  /** How much of each file is there for sure. A file that was emptied has nothing; that it may have its old content is left out. */
  #synced(events) {
    const sizes = new Map(this.#base.sizes);
    for (const [what, name, size] of events) {
      const inode = Number(name);
      if (what === "sync") sizes.set(inode, Math.max(sizes.get(inode) ?? 0, Number(size)));
      else if (what === "truncate") sizes.set(inode, 0);
    }
    return sizes;
  }

  /** Puts the files into a state that a disk may have kept. Returns how many changes of names, and how many bytes, are lost. */
  fail(random) {
    const events = this.#events();
    const { folders, files, lost } = this.#names(events, random);
    const sizes = this.#synced(events);
    const isThere = (path) => path === "" || path === "." || (folders.has(path) && isThere(dirname(path)));
    const contents = [];
    let bytes = 0;
    for (const [path, inode] of files) {
      if (!isThere(dirname(path))) continue;
      const content = readFileSync(join(this.#past, `${inode}`));
      const sure = sizes.get(inode) ?? 0;
      const drawn = lost > 0 ? "none" : random.of(MODES);
      const mode = drawn === "zeros" && basename(path).startsWith(LIST) ? "some" : drawn;
      const length = sure + drawKept(mode, content.length - sure, random);
      bytes += content.length - length;
      contents.push([path, mode === "zeros" ? content.fill(0, length) : content.subarray(0, length)]);
    }
    for (const name of readdirSync(this.#root)) rmSync(join(this.#root, name), { recursive: true });
    for (const path of [...folders].filter(isThere)) mkdirSync(join(this.#root, path), { recursive: true });
    for (const [path, content] of contents) writeFileSync(join(this.#root, path), content);
    return { names: lost, bytes };
  }
}

function drawKept(mode, count, random) {
  if (mode === "none") return 0;
  return mode === "all" ? count : random.below(count + 1);
}
