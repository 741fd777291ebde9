/** The check of `--port-map` against the listeners of a bundle. */
import type { Bundle } from "../../bundle/types.ts";

/** A wrong combination of options that is only found when the bundle or directory has been read. */
export class UsageError extends Error {}

/**
 * Throws a UsageError when an entry names a port without listener while a listener's port has no entry: its two ports may
 * be in the wrong order, and then a port would be bound that the operator did not mean. When every listener has an entry,
 * a further one is allowed and printed, because a later bundle may have a listener for it.
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

/** The entries whose listener's port is none of `ports`, as pairs of the listener's port and the bound port. */
export function unusedEntries(
  portMap: ReadonlyMap<number, number>,
  ports: readonly number[],
): [listener: number, bound: number][] {
  return [...portMap].filter(([listener]) => !ports.includes(listener));
}
