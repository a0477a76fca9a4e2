// Builds the package: `npm run build -w web`. The modules of build/wasm come from scripts/build.
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { minify } from "terser";
import { embed } from "./embed.mjs";

const WEB = dirname(fileURLToPath(import.meta.url));
const DIST = join(WEB, "dist");
const NEW = join(WEB, "../build/web"); // becomes dist when all is well
const WASM = join(WEB, "../build/wasm/tarta.wasm");
const EMBEDDED = join(WEB, "../build/wasm/embedded.wasm");

for (const file of [WASM, EMBEDDED]) {
  if (existsSync(file)) continue;
  console.error(`There is no ${file}: scripts/build makes it.`);
  process.exit(1);
}
const text = JSON.stringify(embed(readFileSync(EMBEDDED)));

const bundle = async (outfile, { define, ...options }) => {
  await build({
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
  await squeeze(join(NEW, outfile), options.format !== "iife");
};

/** Another 3 % off what esbuild has minified. */
async function squeeze(file, module) {
  const { code, map } = await minify(readFileSync(file, "utf8"), {
    module,
    ecma: 2022,
    compress: { passes: 3, unsafe_arrows: true, unsafe_methods: true },
    format: { ascii_only: true }, // a script may be read in another character set than UTF-8
    sourceMap: { content: readFileSync(`${file}.map`, "utf8"), url: `${basename(file)}.map` },
  });
  writeFileSync(file, `${code}\n`);
  writeFileSync(`${file}.map`, map);
}

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
