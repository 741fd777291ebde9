/** The state of one BackendTLSPolicy: everything that is decided about it. */
import type { SourceObject } from "../diagnostics/diagnostics.ts";
import type { PolicyEffect } from "./effect.ts";
import type { TargetState } from "./attachments.ts";
import type { ClosedService } from "./misplaced-policies.ts";
import type { Unresolved } from "../diagnostics/conditions.ts";
import type { Seniority } from "../kubernetes/seniority.ts";

/** A policy, what its targets attach to, and what it means. */
export interface PolicyState {
  /** `namespace/name`. */
  readonly name: string;
  readonly seniority: Seniority;
  readonly object: SourceObject;
  readonly targets: readonly TargetState[];
  /** What the ports that the policy covers get. */
  readonly effect: PolicyEffect;
  /** Why `ResolvedRefs` is False; null: it is True. */
  readonly unresolved: Unresolved | null;
  /** Whether the schema accepts the object; if not, its references were not resolved. */
  readonly readable: boolean;
  /** Services of other namespaces that the policy may be meant for, so that it closes their ports. */
  readonly closed: readonly ClosedService[];
}
