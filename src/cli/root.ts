/** The root of the checkout, beside which the commands find wrangler.toml, routes.yaml and their own main.ts. */
import { resolve } from "node:path";

/** The absolute path of the root. */
export const ROOT: string = resolve(import.meta.dirname, "../..");
