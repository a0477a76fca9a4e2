// The pages that are measured: one for each client, which is bundled for it as its users do.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { html, servePages } from "../../browser/chromium.mjs";

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const packages = (name) => fileURLToPath(import.meta.resolve(name));

/** The module of each client that measures itself in a page; each has the `open(url, { worker })` that driver.mjs wants. */
const MODULES = {
  bare: "page/bare.mjs",
  reference: "page/reference.mjs",
  tarta: "page/tarta.mjs",
  mqttjs: "../clients/mqttjs.mjs",
  paho: "page/paho.mjs",
  u8: "page/u8.mjs",
};

const javascript = (text) => ({ type: "text/javascript; charset=utf-8", text });

async function bundle(entry, options = {}) {
  const { outputFiles } = await build({ entryPoints: [entry], bundle: true, write: false, platform: "browser", target: "es2022", format: "esm", minify: true, ...options });
  return javascript(outputFiles[0].text);
}

/** The page of a client; tarta is loaded as the package has it, so that it finds its Worker's script beside it. */
async function pageOf(client) {
  const alias = { client: path(MODULES[client]), tarta: "/dist/tarta.mjs" };
  return {
    [`/${client}.html`]: html(`<!doctype html><title>${client}</title><script type="module" src="/${client}.mjs"></script>`),
    [`/${client}.mjs`]: await bundle(path("page/driver.mjs"), { alias, external: ["/dist/*"] }),
  };
}

const scriptOf = (name) => javascript(readFileSync(packages(name), "utf8"));

/** Serves them on loopback. `url` is theirs, `stop()` ends it. */
export async function serveBenchPages() {
  const pages = await Promise.all(Object.keys(MODULES).map(pageOf));
  return servePages({
    ...Object.assign({}, ...pages),
    "/dist/": path("../../../web/dist"),
    "/relay.js": await bundle(path("page/relay.mjs"), { format: "iife" }),
    "/start.html": html(`<!doctype html><title>start</title><script type="module" src="/start.mjs"></script>`),
    "/start.mjs": await bundle(path("page/start.mjs")),
    "/mqttjs.min.js": scriptOf("mqtt/dist/mqtt.min"),
    "/paho.min.js": scriptOf("paho-mqtt/paho-mqtt-min.js"),
    "/u8.min.js": await bundle(packages("u8-mqtt/esm/web/index.js"), { format: "iife", globalName: "u8mqtt" }),
  });
}
