// For tests of a part: a file of web/src, with all that it imports.
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

export async function source(path) {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(`../../web/src/${path}`, import.meta.url))],
    bundle: true,
    format: "esm",
    write: false,
    define: { TARTA_SLIM: "true", TARTA_NODE: "true" },
  });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`);
}
