// A page that the browser may hide and freeze: those of Playwright always count as in front. It is driven by the protocol alone.

export class BackgroundPage {
  #browser; // a session of the protocol
  #page; // and that of the page in it
  #waiting = new Map();
  #last = 0;

  /** `hear` gets what the page calls its binding `tell` with. */
  static async open(browser, url, hear) {
    const page = new BackgroundPage();
    page.#browser = await browser.newBrowserCDPSession();
    page.#browser.on("Target.receivedMessageFromTarget", ({ message }) => page.#receive(JSON.parse(message), hear));
    const { browserContextId } = await page.#browser.send("Target.createBrowserContext", { disposeOnDetach: true });
    const { targetId } = await page.#browser.send("Target.createTarget", { url: "about:blank", browserContextId });
    const { sessionId } = await page.#browser.send("Target.attachToTarget", { targetId, flatten: false });
    page.#page = sessionId;
    page.context = browserContextId;
    await page.send("Page.enable");
    await page.send("Runtime.enable");
    await page.send("Runtime.addBinding", { name: "tell" });
    const loaded = new Promise((resolve) => (page.onload = resolve));
    await page.send("Page.navigate", { url });
    await loaded;
    return page;
  }

  #receive({ id, method, params, result, error }, hear) {
    if (method === "Runtime.bindingCalled") hear(params.payload);
    if (method === "Page.loadEventFired") this.onload?.();
    const { resolve, reject } = this.#waiting.get(id) ?? {};
    this.#waiting.delete(id);
    if (error) reject?.(new Error(error.message));
    else resolve?.(result);
  }

  send(method, params = {}) {
    const id = ++this.#last;
    const message = JSON.stringify({ id, method, params });
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#browser.send("Target.sendMessageToTarget", { sessionId: this.#page, message }).catch(reject);
    });
  }

  /** As Playwright's. */
  async evaluate(work, argument) {
    const expression = `(${work})(${JSON.stringify(argument)})`;
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** Whoever still waits for an answer is told. */
  async close() {
    for (const { reject } of this.#waiting.values()) reject(new Error("the page was closed"));
    this.#waiting.clear();
    await this.#browser.send("Target.disposeBrowserContext", { browserContextId: this.context });
    await this.#browser.detach();
  }
}
