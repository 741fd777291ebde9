/**
 * Namespaces whose routes a listener takes (`RouteNamespaces`), and whose ListenerSets a Gateway takes
 * (`ListenerNamespaces`).
 */
import type { Cluster } from "../load/load.ts";
import type { LabelSelector } from "../kubernetes/core-objects.ts";
import type { NamespaceRule } from "../kubernetes/objects.ts";

/** Whether an object of `namespace` may attach to an object of the namespace `home`, which has the rule. */
export function allowsNamespace(
  { from, selector }: NamespaceRule,
  home: string,
  namespace: string,
  cluster: Cluster,
): boolean {
  switch (from) {
    case "All":
      return true;
    case "Same":
      return namespace === home;
    case "None":
      return false;
    case "Selector":
      // A selector that is absent selects nothing; an empty one selects everything (metav1.LabelSelector).
      return selector !== undefined && selects(selector, labelsOf(namespace, cluster));
  }
}

/** Labels of a namespace. The API server adds the label with its name, which a manifest need not have. */
function labelsOf(namespace: string, cluster: Cluster): ReadonlyMap<string, string> {
  const entry = cluster.Namespace.get(namespace);
  const labels = entry?.kind === "valid" ? (entry.object.value.metadata.labels ?? {}) : {};
  return new Map([...Object.entries(labels), ["kubernetes.io/metadata.name", namespace]]);
}

function selects({ matchLabels, matchExpressions }: LabelSelector, labels: ReadonlyMap<string, string>): boolean {
  for (const [key, value] of Object.entries(matchLabels ?? {})) if (labels.get(key) !== value) return false;
  return (matchExpressions ?? []).every(({ key, operator, values = [] }) => {
    const value = labels.get(key);
    switch (operator) {
      case "In":
        return value !== undefined && values.includes(value);
      case "NotIn":
        return value === undefined || !values.includes(value);
      case "Exists":
        return value !== undefined;
      case "DoesNotExist":
        return value === undefined;
      default:
        // selectorFault has refused an object with another operator.
        return false;
    }
  });
}

/** Why metav1.LabelSelectorAsSelector would refuse the selector; null: it would not, or the rule ignores the selector. */
export function selectorFault({ from, selector }: NamespaceRule): string | null {
  if (from !== "Selector") return null;
  for (const { key, operator, values = [] } of selector?.matchExpressions ?? []) {
    if (!["In", "NotIn", "Exists", "DoesNotExist"].includes(operator))
      return `unknown operator ${JSON.stringify(operator)} for ${key}`;
    const wantsValues = operator === "In" || operator === "NotIn";
    if (wantsValues !== values.length > 0)
      return `operator ${operator} for ${key} ${wantsValues ? "needs" : "takes no"} values`;
  }
  return null;
}
