/** A cluster for the last-hop servers, as an operator would write it. */
import { backendYaml, edgeYaml, policyYaml } from "../support/manifests.ts";
import { type Fixtures, SNI } from "./suite.ts";

/** Host `NAME.example.com` goes to server NAME under a policy for `SNI`. */
export function clusterYaml({ ports, anchorPem }: Fixtures, names: readonly string[]): string {
  const backends = names.map((name) => backendYaml("test", name, ports[name]) + policyYaml("test", name, SNI));
  return edgeYaml("test", anchorPem) + backends.join("");
}
