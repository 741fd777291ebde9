/** Chains of every kind, for tests that must find the same verdict in every runtime. Minted anew each time. */
import { witness } from "../support/witness.ts";
import { type JudgedRow, type Row, judge } from "./judge.ts";
import { addNames } from "./rows/names.ts";
import { addPaths } from "./rows/paths.ts";
import { addPlaces } from "./rows/places.ts";
import { addPolicies } from "./rows/policies.ts";
import { addRevocation } from "./rows/revocation.ts";
import { rowSet } from "./rows/row-set.ts";
import { addSignatures } from "./rows/signatures.ts";
import { addStrict } from "./rows/strict.ts";

/** Each row with Node's verdict. */
export function judgedRows(): Promise<JudgedRow[]> {
  return Promise.all(mintRows().map(async (row) => ({ ...row, verdict: await judge(row, witness) })));
}

/** All rows, in the order of the golden file. */
export function mintRows(): readonly Row[] {
  const set = rowSet();
  for (const add of [addSignatures, addPaths, addPlaces, addNames, addPolicies, addRevocation, addStrict]) add(set);
  return set.rows;
}
