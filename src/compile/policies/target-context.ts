/** The context in which the targets of BackendTLSPolicies are resolved. */
import type { Cluster } from "../load/load.ts";
import type { ServiceIndex } from "./likely-services.ts";

/** The cluster, and which policy takes precedence where. */
export interface TargetContext {
  readonly cluster: Cluster;
  readonly services: ServiceIndex;
  /** `namespace/name` of the policy that takes precedence, by {@link targetKey}. */
  readonly winners: ReadonlyMap<string, string>;
}

/** Key of what at most one policy can have: a Service, or one port of it. */
export const targetKey = (service: string | null, sectionName = ""): string => `${service}\0${sectionName}`;
