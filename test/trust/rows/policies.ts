/** Rows about certificate policies. */
import { ca, ext } from "../../support/certificates.ts";
import type { RowSet } from "./row-set.ts";

/** Adds the rows. */
export function addPolicies({ root, under }: RowSet): void {
  const requiring = ca("requiring", root, { extensions: [ext.policies("1.2.3"), ext.policyConstraints(0)] });
  under("a policy that is required", requiring, { extensions: [ext.policies("1.2.3")] });
  under("another policy than required", requiring, { extensions: [ext.policies("1.2.4")] });
  under("no policy where one is required", requiring);
  const mapping = ca("mapping", root, {
    extensions: [ext.policies("1.2.3"), ext.mappings(["1.2.3", "1.2.5"]), ext.policyConstraints(0)],
  });
  under("a mapped policy", mapping, { extensions: [ext.policies("1.2.5")] });
  under("a policy mapped from anyPolicy", ca("wild", root, { extensions: [ext.mappings(["2.5.29.32.0", "1.2.5"])] }));
  under(
    "anyPolicy inhibited",
    ca("inhibiting", root, { extensions: [ext.policies("2.5.29.32.0"), ext.inhibitAny(0), ext.policyConstraints(0)] }),
    { extensions: [ext.policies("2.5.29.32.0")] },
  );
}
