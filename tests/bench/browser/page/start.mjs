// How long a page waits for a library: from before its script is evaluated until the library can be used.

/** Fetches a script, then evaluates it, and has tarta load its core. Resolves with milliseconds. */
globalThis.startOf = async (script) => {
  const response = await fetch(script);
  const element = Object.assign(document.createElement("script"), { text: await response.text() });
  const begin = performance.now();
  document.head.append(element);
  if (globalThis.tarta) {
    // A route needs the core, and nothing of the network; drain() waits until the core is there.
    const client = new globalThis.tarta.Client("ws://127.0.0.1:9");
    client.route("#", () => {});
    await client.drain();
  }
  return performance.now() - begin;
};
