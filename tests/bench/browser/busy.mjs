// Keeps all cores busy, as another program would; ends with the process that has started it.
import { cpus } from "node:os";
import { Worker } from "node:worker_threads";

for (const _ of cpus()) new Worker("for (;;);", { eval: true });
process.send("busy");
process.on("disconnect", () => process.exit());
