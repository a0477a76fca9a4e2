// `tarta/worker`: the script of a Worker or SharedWorker that clients live in.
import { serve } from "./host.js";

serve(globalThis);
