/** Loads src/trust with a switch at every check. This module must be imported before any module of src/. */
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import { installSwitches, withSwitches } from "./find.ts";

/** The id of the removed check, -1 for none, and the ids of checks that have decided something since `fired` was cleared. */
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
