// Builds the package: `npm run build -w web`. The modules of build/wasm come from scripts/build.
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { minify } from "terser";

const WEB = dirname(fileURLToPath(import.meta.url));
const DIST = join(WEB, "dist");
const NEW = join(WEB, "../build/web"); // becomes dist when all is well
const WASM = join(WEB, "../build/wasm/tarta.wasm");

if (!existsSync(WASM)) {
  console.error(`There is no ${WASM}: scripts/build makes it.`);
  process.exit(1);
}
const text = `"${readFileSync(WASM).toString("hex")}"`;

const bundle = async (outfile, { define, module = true, ...options }) => {
  await build({
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
  await squeeze(join(NEW, outfile), module);
};

/**
 * For browsers: all of the bundle is one function, so that its text can be the script of a Worker (worker/start.ts). In
 * parentheses, as engines take that for a function that is called at once, and do not read it twice.
 *
 * @param wasm the text of the module, or undefined
 * @param wrap what stands before and behind the value of that function
 */
const inFunction = (wasm, url, [before, behind]) => ({
  entryPoints: [join(WEB, "src/main.ts")],
  format: "iife",
  globalName: "exported",
  banner: { js: `${before}((main,...rest)=>main(main,...rest))((function(TARTA_MAIN,TARTA_WASM,TARTA_URL){` },
  // Behind the code the text compresses a little better than in the midst of it.
  footer: { js: `return exported}),${wasm},${url})${behind}` },
});

/** Another 3 % off what esbuild has minified. */
async function squeeze(file, module) {
  const { code, map } = await minify(readFileSync(file, "utf8"), {
    module,
    ecma: 2022,
    compress: { passes: 3, unsafe_arrows: true, unsafe_methods: true },
    // A script may be read in another character set than UTF-8; and Node shows the line that has thrown.
    format: { ascii_only: true, max_line_len: 500, wrap_func_args: true },
    sourceMap: { content: readFileSync(`${file}.map`, "utf8"), url: `${basename(file)}.map` },
  });
  writeFileSync(file, `${code}\n`);
  writeFileSync(`${file}.map`, map);
}

const NAMES = "Client,Message,MqttError,Subscription,connect,indexedDBStore,memoryStore,repairStore";
const asModule = ["import.meta.url", [`const{${NAMES}}=/*@__PURE__*/`, `;export{${NAMES}};`]];
const asScript = ["globalThis.document?.currentScript?.src", ["var tarta=(({serve,...all})=>all)(", ");"]];
const inNode = (slim) => ({
  entryPoints: [join(WEB, "src/index.ts")],
  define: { TARTA_NODE: "true", TARTA_SLIM: String(slim), TARTA_MAIN: "undefined", TARTA_URL: "undefined" },
  external: ["ws"],
});
const footer = { js: `var TARTA_WASM=${text};` };

rmSync(NEW, { recursive: true, force: true });
mkdirSync(NEW, { recursive: true });
copyFileSync(WASM, join(NEW, "core.wasm"));
await Promise.all([
  bundle("tarta.mjs", inFunction(text, ...asModule)),
  bundle("slim.mjs", { ...inFunction(undefined, ...asModule), define: { TARTA_SLIM: "true" } }),
  bundle("tarta.js", { ...inFunction(text, ...asScript), module: false }),
  bundle("worker.mjs", { entryPoints: [join(WEB, "src/worker/index.ts")], footer }),
  bundle("tarta.node.mjs", { ...inNode(false), footer }),
  bundle("slim.node.mjs", inNode(true)),
  bundle("node.mjs", { entryPoints: [join(WEB, "src/node/index.ts")], platform: "node", external: ["classic-level"] }),
]);
execFileSync("tsc", ["-p", WEB, "--outDir", join(NEW, "types")], { stdio: "inherit" }); // npm puts it on the path
rmSync(DIST, { recursive: true, force: true });
renameSync(NEW, DIST);
