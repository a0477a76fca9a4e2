// Builds the package: `npm run build -w web`. Reads build/wasm/tarta.wasm (scripts/build makes it) or the file TARTA_WASM.
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { embed } from "./embed.mjs";

const WEB = dirname(fileURLToPath(import.meta.url));
const DIST = join(WEB, "dist");
const NEW = join(WEB, "../build/web"); // becomes dist when all is well
const WASM = process.env.TARTA_WASM ?? join(WEB, "../build/wasm/tarta.wasm");

if (!existsSync(WASM)) {
  console.error(`There is no ${WASM}: scripts/build makes it.`);
  process.exit(1);
}
const text = JSON.stringify(embed(readFileSync(WASM)));

const bundle = (outfile, { define, ...options }) =>
  build({
    entryPoints: [join(WEB, "src/index.ts")],
    outfile: join(NEW, outfile),
    bundle: true,
    format: "esm",
    target: "es2022",
    legalComments: "none",
    minify: true,
    sourcemap: true,
    sourcesContent: false,
    define: { TARTA_SLIM: "false", TARTA_NODE: "false", ...define },
    ...options,
  });

// Behind the code the text compresses a little better than in the midst of it.
const footer = { js: `var TARTA_WASM=${text};` };
const external = ["ws"];

rmSync(NEW, { recursive: true, force: true });
mkdirSync(NEW, { recursive: true });
copyFileSync(WASM, join(NEW, "core.wasm"));
await Promise.all([
  bundle("tarta.mjs", { footer }),
  bundle("tarta.node.mjs", { footer, define: { TARTA_NODE: "true" }, external }),
  bundle("slim.mjs", { define: { TARTA_SLIM: "true" } }),
  bundle("slim.node.mjs", { define: { TARTA_SLIM: "true", TARTA_NODE: "true" }, external }),
  bundle("tarta.js", { format: "iife", globalName: "tarta", define: { TARTA_WASM: text } }),
]);
execFileSync("tsc", ["-p", WEB, "--outDir", join(NEW, "types")], { stdio: "inherit" }); // npm puts it on the path
rmSync(DIST, { recursive: true, force: true });
renameSync(NEW, DIST);
