// Builds the package: `npm run build -w web`. Reads build/wasm/tarta.wasm (scripts/build makes it) or the file TARTA_WASM.
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { embed } from "./embed.mjs";

const WEB = dirname(fileURLToPath(import.meta.url));
const DIST = join(WEB, "dist");
const WASM = process.env.TARTA_WASM ?? join(WEB, "../build/wasm/tarta.wasm");

if (!existsSync(WASM)) {
  console.error(`There is no ${WASM}: scripts/build makes it.`);
  process.exit(1);
}
const embedded = JSON.stringify(embed(readFileSync(WASM)));

rmSync(DIST, { recursive: true, force: true });

/** One bundle; `wasm`: the module as text, or "undefined" where the application gives it. */
const bundle = (outfile, { wasm = embedded, node = false, ...options }) =>
  build({
    entryPoints: [join(WEB, "src/index.ts")],
    outfile: join(DIST, outfile),
    bundle: true,
    format: "esm",
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    minify: true,
    sourcemap: true,
    sourcesContent: false,
    define: { TARTA_WASM: wasm, TARTA_NODE: String(node) },
    ...options,
  });

await Promise.all([
  bundle("tarta.js", {}),
  bundle("tarta.node.js", { node: true, external: ["ws"] }),
  bundle("slim.js", { wasm: "undefined" }),
  bundle("slim.node.js", { wasm: "undefined", node: true, external: ["ws"] }),
  // For <script src>, which may be read in another character set than UTF-8.
  bundle("tarta.iife.js", { format: "iife", globalName: "tarta", charset: "ascii" }),
]);
copyFileSync(WASM, join(DIST, "core.wasm"));
execFileSync("tsc", ["-p", WEB], { stdio: "inherit" }); // npm puts it on the path
