/** The deployed worker: `lasthop build -o .lasthop/bundle.json`, then `wrangler deploy` embeds it as text. */
import bundleText from "../../../.lasthop/bundle.json";
import { createWorker } from "./worker.ts";

const { worker, Pool } = createWorker(bundleText);

export { Pool };
export default worker;
