/** The octets that a peer presented, before any of them is parsed: the check of their sizes, and their form for hashing. */
import type { Budgets } from "./budget.ts";
import type { Refusal } from "./verdict.ts";

/** Checks the sizes of the presented certificates and staple, before anything is parsed, copied or hashed. */
export function checkSizes(
  presented: readonly Uint8Array[],
  staple: Uint8Array | null,
  limits: Budgets,
): Refusal | null {
  const endEntity = presented[0];
  if (endEntity === undefined || endEntity.length === 0) {
    return { code: "no-certificate", position: null, expected: "a certificate", presented: "none" };
  }
  const bytes = presented.reduce((sum, der) => sum + der.length, staple?.length ?? 0);
  if (bytes > limits.presentedBytes || presented.length > limits.presentedCertificates) {
    return {
      code: "budget-exceeded",
      position: null,
      expected: `at most ${limits.presentedCertificates} certificates and ${limits.presentedBytes} bytes`,
      presented: `${presented.length} certificates, ${bytes} bytes`,
    };
  }
  return null;
}

/**
 * The presented certificates and staple as one string of bytes, to be hashed. Each part follows its length, so two
 * chains never give the same bytes.
 */
export function frameChain(presented: readonly Uint8Array[], staple: Uint8Array | null): Uint8Array {
  const parts = staple === null ? presented : [...presented, staple];
  let size = 1;
  for (const part of parts) size += 4 + part.length;
  const framed = new Uint8Array(size);
  const view = new DataView(framed.buffer);
  framed[0] = staple === null ? 0 : 1;
  let offset = 1;
  for (const part of parts) {
    view.setUint32(offset, part.length);
    framed.set(part, offset + 4);
    offset += 4 + part.length;
  }
  return framed;
}
