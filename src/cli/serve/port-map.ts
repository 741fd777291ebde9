/** `--port-map` against the listeners that there are. */
import type { Bundle } from "../../bundle/types.ts";

/** Options that do not go together, which only the files tell. */
export class UsageError extends Error {}

/**
 * Throws a UsageError when an entry names a port without listener while a listener's port has no entry: numbers in the
 * wrong order would bind a port that nobody asked for. When every listener has its entry, one more waits for a listener
 * to come, as after an upgrade in two steps, and is only told of.
 */
export function examinePortMap(
  portMap: ReadonlyMap<number, number>,
  bundle: Bundle,
  say: (line: string) => void,
): void {
  const ports = [...new Set(bundle.listeners.map(({ port }) => port))].sort((a, b) => a - b);
  const idle = unusedEntries(portMap, ports);
  if (ports.length === 0) say("the bundle has no listener, so nothing is bound");
  if (idle.length === 0) return;
  const found = `no listener is on port ${idle.map(([listener]) => listener).join(", ")}`;
  const entries = idle.map(([listener, bound]) => `${bound}=${listener}`).join(",");
  const unmapped = ports.filter((port) => !portMap.has(port));
  if (unmapped.length === 0) return say(`--port-map ${entries}: ${found}; the entry waits for one`);
  throw new UsageError(
    `--port-map ${entries}: ${found}; the bundle's listeners are on port ${ports.join(", ")}, and ${unmapped.join(", ")} ` +
      `would be bound as it is. Write BOUND=LISTENER, as in ${idle[0]?.[1]}=${unmapped[0]}`,
  );
}

/** Entries, listener's port first, that name none of `ports`. */
export function unusedEntries(
  portMap: ReadonlyMap<number, number>,
  ports: readonly number[],
): [listener: number, bound: number][] {
  return [...portMap].filter(([listener]) => !ports.includes(listener));
}
