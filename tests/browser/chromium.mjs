// A headless Chromium for tests, and a small server for the pages that it opens.

import { existsSync } from "node:fs";
import { createServer } from "node:http";
import { chromium } from "playwright-core";
import sirv from "sirv";

/** Without the later ones it goes looking for its maker's servers. */
export const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--host-resolver-rules=MAP insecure.test 127.0.0.1", // for pages that are not secure, as loopback addresses are
];

export function chromiumProgram() {
  const known = ["/usr/bin/chromium", "/usr/bin/google-chrome", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"];
  return [process.env.CHROMIUM, ...known].find((path) => path && existsSync(path));
}

/** `options` of Playwright, beside those that all tests need. */
export function launchChromium(options) {
  const executablePath = chromiumProgram();
  if (!executablePath) throw new Error("Chromium is not installed: run scripts/setup, or set CHROMIUM to the program.");
  return chromium.launch({ executablePath, headless: true, args: FLAGS, timeout: 60_000, ...options });
}

/**
 * Serves folders and texts on a free loopback port.
 * `content`: { "/brokers/": folder, "/page.html": { type, text, headers } }
 */
export async function servePages(content) {
  const folders = Object.entries(content)
    .filter(([, value]) => typeof value === "string")
    .map(([path, folder]) => [path, sirv(folder, { dev: true })]);

  const server = createServer((request, response) => {
    const notFound = () => response.writeHead(404).end();
    const text = content[request.url];
    if (text?.text !== undefined) return response.writeHead(200, { "Content-Type": text.type, ...text.headers }).end(text.text);
    const [path, serve] = folders.find(([path]) => request.url.startsWith(path)) ?? [];
    if (!path) return notFound();
    request.url = request.url.slice(path.length - 1);
    return serve(request, response, notFound);
  });
  await new Promise((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export const html = (text) => ({ type: "text/html; charset=utf-8", text });
