/** Statuses as lines for people. */
import type { ObjectStatus } from "../../compile/index.ts";

interface ConditionLike {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

/**
 * The lines of one status, one for each condition: `BackendTLSPolicy shop/ledger under shop/edge: Accepted=False Invalid: …`.
 * A condition that is False has its message.
 */
export function summarize({ kind, metadata, status }: ObjectStatus): string[] {
  const name = `${kind} ${metadata.namespace === undefined ? "" : `${metadata.namespace}/`}${metadata.name}`;
  const lines: string[] = [];
  const add = (where: string, conditions: readonly ConditionLike[]): void => {
    for (const { type, status: value, reason, message } of conditions) {
      lines.push(
        `${name}${where}: ${type}=${value} ${reason}${value === "False" && type !== "Conflicted" ? `: ${message}` : ""}`,
      );
    }
  };
  const {
    conditions = [],
    listeners = [],
    parents = [],
    ancestors = [],
  } = status as {
    conditions?: ConditionLike[];
    listeners?: { name: string; conditions: ConditionLike[] }[];
    parents?: { parentRef: { name: string }; conditions: ConditionLike[] }[];
    ancestors?: { ancestorRef: { namespace: string; name: string }; conditions: ConditionLike[] }[];
  };
  add("", conditions);
  for (const listener of listeners) add(` listener ${listener.name}`, listener.conditions);
  for (const { parentRef, conditions: own } of parents) add(` under ${parentRef.name}`, own);
  for (const { ancestorRef, conditions: own } of ancestors)
    add(` under ${ancestorRef.namespace}/${ancestorRef.name}`, own);
  if (lines.length === 0) lines.push(`${name}: no ancestor`);
  return lines;
}
