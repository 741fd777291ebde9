/** Message and remedy for a reference to an object that does not exist, worded for a build or for a cluster. */
import type { Cluster } from "../load/load.ts";
import type { Origin } from "../load/admission.ts";
import { exportCommand } from "../load/generated.ts";
import { isNear } from "../kubernetes/spelling.ts";
import type { Kind } from "../kubernetes/kinds.ts";

/** The message and remedy for an object that does not exist. */
export interface Absence {
  /** `Service shop/app is not among the inputs`. */
  readonly message: string;
  readonly remedy: string;
}

/** Message and remedy for an object that does not exist; `name` is `namespace/name`, or the name alone of a cluster-scoped kind. */
export function absent(cluster: Cluster, kind: Kind, name: string): Absence {
  const { origin, generated } = cluster.source;
  const message = `${kind} ${name} is ${absentFrom(origin)}`;
  if (origin === "cluster") return { message, remedy: `create the ${kind}, or correct the name` };
  const [namespace = "", own = ""] = name.includes("/") ? name.split("/") : [undefined, name];
  const other = generated.find(
    (each) => each.kind === kind && each.name === own && (each.namespace ?? namespace) === namespace,
  );
  if (other !== undefined)
    return {
      message: `${message}; in a cluster, ${other.generator} makes it`,
      remedy: `add what the cluster has made: ${exportCommand(other, namespace)}`,
    };
  const likely = likelyNames(cluster, kind, name);
  return {
    message,
    remedy: `add the ${kind}, or correct the name${likely.length === 0 ? "" : `: ${likely.join(", ")} ${likely.length === 1 ? "is" : "are"} there`}`,
  };
}

/** Where an object is missing: `not among the inputs`. */
export const absentFrom = (origin: Origin): string =>
  origin === "cluster" ? "not in the cluster" : "not among the inputs";

/** Bounds on the existing names that a missing name is compared with, and on the names that a remedy lists. */
const MAX_COMPARED_NAMES = 10_000;
const MAX_LISTED = 3;

/** Names of the kind that may be meant: the same name in another namespace, or a similar one in the same namespace. */
function likelyNames(cluster: Cluster, kind: Kind, name: string): string[] {
  const step = name.lastIndexOf("/") + 1;
  const [space, own] = [name.slice(0, step), name.slice(step)];
  const isLikely = (other: string): boolean => {
    const at = other.lastIndexOf("/") + 1;
    return other.slice(0, at) === space ? isNear(own, other.slice(at)) : other.slice(at) === own;
  };
  return [...cluster[kind].keys()].slice(0, MAX_COMPARED_NAMES).filter(isLikely).slice(0, MAX_LISTED);
}
