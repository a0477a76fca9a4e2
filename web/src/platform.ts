/** Node, and what calls itself that (Deno, Bun): anything but a browser. Bundlers' stand-ins for `process` have no version. */
export function inNode(): boolean {
  const { process } = globalThis as { process?: { versions?: { node?: string } } };
  return process?.versions?.node !== undefined;
}

/** A page, as opposed to a Worker: its timers are slowed down in the background. */
export function inPage(): boolean {
  return typeof document !== "undefined" && !inNode();
}

/** Whether the platform says that there is no network. */
export function isOffline(): boolean {
  return typeof navigator !== "undefined" && navigator.onLine === false;
}

/** Calls `wake` whenever time may have passed unseen (a page comes back, a machine wakes) or the network changes. */
export function onWake(wake: () => void): () => void {
  const listen = () => {
    if (globalThis.document?.visibilityState !== "hidden") wake();
  };
  const each = (act: "addEventListener" | "removeEventListener") => {
    for (const type of ["online", "offline", "pageshow", "resume", "visibilitychange"]) {
      globalThis[act]?.(type, listen);
      globalThis.document?.[act](type, listen);
    }
  };
  each("addEventListener");
  return () => each("removeEventListener");
}

/** Calls `leave` when the page goes for good; one that the browser keeps may come back. */
export function onLeave(leave: () => void): () => void {
  const listen = ({ persisted }: PageTransitionEvent) => {
    if (!persisted) leave();
  };
  globalThis.addEventListener?.("pagehide", listen);
  return () => globalThis.removeEventListener?.("pagehide", listen);
}
