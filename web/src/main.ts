// What the bundles are made of: the package, and what a Worker needs of the same text.
export * from "./index.js";
export { serve } from "./worker/host.js";
