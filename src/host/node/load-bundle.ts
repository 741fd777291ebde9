/** A bundle that is decoded and checked, with the TLS of its ports. */
import type { Runtime } from "../../backend/index.ts";
import { demandCapabilities } from "../../bundle/capabilities.ts";
import { decodeBundle } from "../../bundle/codec.ts";
import { demandKeys, type Secrets } from "../../bundle/secrets.ts";
import type { Bundle, Capability } from "../../bundle/types.ts";
import { type PortTls, portTls } from "./tls.ts";

/** The keys of session tickets of each HTTPS port that shares its tickets with other processes. */
export type TicketKeys = ReadonlyMap<number, Uint8Array>;

/** A bundle that can be served, with what its ports present. */
export interface LoadedBundle {
  readonly bundle: Bundle;
  readonly secrets: Secrets;
  /** The TLS of each listener port; null for HTTP. */
  readonly ports: ReadonlyMap<number, PortTls | null>;
}

/** The capabilities of Node, Deno and Bun: all that there are. */
export const CAPABILITIES: readonly Capability[] = [
  "client-certificates",
  "listener-certificates",
  "client-validation",
  "websocket",
];

interface Loading {
  readonly runtime: Pick<Runtime, "sha256">;
  /** The bundle that is served now, of which equal lines are not decoded again. */
  readonly before?: Bundle;
  readonly ticketKeys?: TicketKeys | undefined;
}

/**
 * Decodes and checks a bundle. Whatever can be refused is refused here, before anything that is served changes. Throws a
 * BundleError.
 */
export function loadBundle(text: string, secrets: Secrets, loading: Loading): LoadedBundle {
  const { runtime, before = null, ticketKeys } = loading;
  const bundle = decodeBundle(text, runtime.sha256, before);
  demandCapabilities(bundle, CAPABILITIES);
  demandKeys(bundle, secrets);
  const ports = [...new Set(bundle.listeners.map(({ port }) => port))].map((port) => {
    const keys = ticketKeys?.get(port);
    return [port, portTls(bundle, secrets, port, keys === undefined ? null : Buffer.from(keys))] as const;
  });
  return { bundle, secrets, ports: new Map(ports) };
}
