/** The listeners of one Gateway's bundle. */
import type { BundleHost, BundleListener, BundleListenerTls } from "../../bundle/types.ts";
import { compareStrings } from "../diagnostics/diagnostics.ts";
import { digestJson } from "../digest.ts";
import type { ListenerHost } from "./hosts.ts";
import { listenerName, type ListenerState, type ListenerTls } from "../gateways/listener-state.ts";

/** Listeners with their hosts, sorted by port, then by name. */
export function emitListeners(listeners: readonly ListenerState[], hosts: readonly ListenerHost[]): BundleListener[] {
  const hostsOf = listeners.map((): BundleHost[] => []);
  for (const { listener, host } of hosts) hostsOf[listener]?.push(host);
  return listeners
    .map((listener, index) => emitListener(listener, hostsOf[index] ?? []))
    .sort((a, b) => a.port - b.port || compareStrings(a.name, b.name));
}

function emitListener(listener: ListenerState, hosts: readonly BundleHost[]): BundleListener {
  const { spec, hostname, verdict, filters } = listener;
  const tls = verdict.kind === "accepted" ? verdict.tls : null;
  return {
    name: listenerName(listener),
    port: spec.port,
    protocol: tls === null ? "HTTP" : "HTTPS",
    hostname,
    tls: tls === null ? null : emitTls(tls),
    filters,
    hosts,
  };
}

function emitTls({ certificates, clientValidation }: ListenerTls): BundleListenerTls {
  return {
    certificates: certificates.map(({ digest }) => digest),
    clientValidation:
      clientValidation.kind === "none"
        ? null
        : { anchorSet: digestJson(clientValidation.anchors), mode: clientValidation.mode },
  };
}
