/** Loads src/trust with a switch at every check, in this thread. To be imported before anything of src/. */
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import { installSwitches, withSwitches } from "./find.ts";

/** Which check is removed now, and which ones have decided something since `fired` was emptied. */
export const state: { removed: number; readonly fired: Set<number> } = { removed: -1, fired: new Set() };

installSwitches(
  (id) => id === state.removed,
  (id) => void state.fired.add(id),
);

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    const source = url.startsWith("file:") ? withSwitches(fileURLToPath(url)) : null;
    return source === null ? loaded : { ...loaded, source };
  },
});
