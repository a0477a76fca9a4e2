// Web Locks tell when the other side is gone, however it went: whoever waits for a lock gets it then. A page that is frozen
// keeps its own. Where there are none (pages that are not secure) or none are allowed (sandboxed frames), nothing is told.
const locks = () => (globalThis.navigator as Partial<Navigator> | undefined)?.locks;

/** Takes a lock, and resolves when it is held; with what gives it back. */
export function holdLock(name: string): Promise<() => void> {
  return new Promise((resolve) => {
    const manager = locks();
    if (!manager) return resolve(() => {});
    manager.request(name, () => new Promise<void>((release) => resolve(release))).catch(() => resolve(() => {}));
  });
}

/** Resolves when nobody holds the lock any more. */
export function awaitLock(name: string): Promise<void> {
  return new Promise((resolve) => {
    locks()?.request(name, () => resolve()).catch(() => {});
  });
}

/** Takes a lock from whoever has it; `lost` is called when somebody else takes it in turn. Returns what gives it back. */
export function seizeLock(name: string, lost: () => void): () => void {
  let release: (() => void) | undefined;
  let released = false;
  const hold = () => new Promise<void>((resolve) => (released ? resolve() : (release = resolve)));
  locks()?.request(name, { steal: true }, hold).catch((error: Error) => error.name === "AbortError" && lost());
  return () => {
    released = true;
    release?.();
  };
}
