// For tests of parts: files of web/src, with all that they import.
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** The text of a module that exports what these files export. */
export async function sourceText(...paths) {
  const { outputFiles } = await build({
    stdin: {
      contents: paths.map((path) => `export * from "./${path}";`).join("\n"),
      resolveDir: fileURLToPath(new URL("../../web/src", import.meta.url)),
    },
    bundle: true,
    format: "esm",
    write: false,
    define: { TARTA_SLIM: "true", TARTA_NODE: "true" },
  });
  return outputFiles[0].text;
}

export async function source(...paths) {
  return import(`data:text/javascript;base64,${Buffer.from(await sourceText(...paths)).toString("base64")}`);
}
