/** Public roots as trust anchors. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import { expect, test } from "vitest";
import { judgeAnchor, parsePemBundle } from "../../src/trust/index.ts";

const ODD_ROOTS = readFileSync(join(import.meta.dirname, "fixtures/trustwave-ecc.pem"), "utf8");

test("public roots are anchors, the two with an odd keyUsage too", () => {
  const bundle = parsePemBundle(`${rootCertificates.join("\n")}\n${ODD_ROOTS}`);
  expect(bundle.problems).toEqual([]);
  expect(bundle.certificates).toHaveLength(rootCertificates.length + 2);
  const judged = bundle.certificates.map(({ der }) => judgeAnchor(der, "servers"));
  expect(judged.filter(({ kind }) => kind === "unusable")).toEqual([]);
  const odd = judged.flatMap((own) => (own.kind === "usable" && own.oddity !== null ? [own.oddity] : []));
  expect(odd).toEqual(Array.from({ length: 2 }, () => "keyUsage is not a minimal named-bit list"));
});
