/** Loads src/trust with a switch at every check, in this thread. To be imported before anything of src/. */
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { basename, dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { TRUST, installSwitches, withSwitches } from "./find.ts";

/** Which check is removed now, and which ones have decided something since `fired` was emptied. */
export const state: { removed: number; readonly fired: Set<number> } = { removed: -1, fired: new Set() };

installSwitches(
  (id) => id === state.removed,
  (id) => void state.fired.add(id),
);

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    const file = url.startsWith("file:") ? fileURLToPath(url) : "";
    return dirname(file) === TRUST
      ? { ...loaded, source: withSwitches(basename(file), readFileSync(file, "utf8")) }
      : loaded;
  },
});
