/** @throws TypeError for what is no AbortSignal */
export function checkSignal(signal: unknown): void {
  if (signal && typeof (signal as AbortSignal).addEventListener !== "function") throw new TypeError("signal must be an AbortSignal");
}

/** Calls `action` when the signal aborts, or at once if it has. The function that is returned takes that back. */
export function onAbort(signal: AbortSignal | undefined, action: (reason: unknown) => void): () => void {
  const abort = () => action(signal!.reason);
  if (signal?.aborted) abort();
  else signal?.addEventListener("abort", abort);
  return () => signal?.removeEventListener("abort", abort);
}
