/** What is said of an object that is named and is not there: in a cluster's words or in those of a build. */
import type { Cluster, Origin } from "../load/load.ts";
import { exportOf } from "../load/makers.ts";
import { isNear } from "../kubernetes/spelling.ts";
import type { Kind } from "../kubernetes/kinds.ts";

export interface Absence {
  /** `Service shop/app is not among the inputs`. */
  readonly message: string;
  readonly remedy: string;
}

/** `name` is `namespace/name`, or the name alone for cluster-scoped kinds. */
export function absent(cluster: Cluster, kind: Kind, name: string): Absence {
  const { origin, made } = cluster.surroundings;
  const message = `${kind} ${name} is ${absentFrom(origin)}`;
  if (origin === "cluster") return { message, remedy: `create the ${kind}, or correct the name` };
  const [namespace = "", own = ""] = name.includes("/") ? name.split("/") : [undefined, name];
  const maker = made.find(
    (each) => each.kind === kind && each.name === own && (each.namespace ?? namespace) === namespace,
  );
  if (maker !== undefined)
    return {
      message: `${message}; in a cluster, ${maker.maker} makes it`,
      remedy: `add what the cluster has made: ${exportOf(maker, namespace)}`,
    };
  const meant = likelyNames(cluster, kind, name);
  return {
    message,
    remedy: `add the ${kind}, or correct the name${meant.length === 0 ? "" : `: ${meant.join(", ")} ${meant.length === 1 ? "is" : "are"} there`}`,
  };
}

export const absentFrom = (origin: Origin): string =>
  origin === "cluster" ? "not in the cluster" : "not among the inputs";

/** Names that are compared, and those that are told. */
const MAX_COMPARED = 10_000;
const MAX_TOLD = 3;

/** Of the same name in another namespace, or nearly the same in the same one. */
function likelyNames(cluster: Cluster, kind: Kind, name: string): string[] {
  const step = name.lastIndexOf("/") + 1;
  const [space, own] = [name.slice(0, step), name.slice(step)];
  const likely = (other: string): boolean => {
    const at = other.lastIndexOf("/") + 1;
    return other.slice(0, at) === space ? isNear(own, other.slice(at)) : other.slice(at) === own;
  };
  return [...cluster[kind].keys()].slice(0, MAX_COMPARED).filter(likely).slice(0, MAX_TOLD);
}
