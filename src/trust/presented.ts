/** Checks and frames what was presented before it is parsed, and makes the refusal of a failure. */
import type { Budgets } from "./budget.ts";
import type { Failure } from "./path/failure.ts";
import type { Refusal } from "./verdict.ts";

/** Checks the sizes of what was presented. This comes before anything is parsed, copied or hashed. */
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

/** The refusal of a failure, its texts made printable. */
export function toRefusal({ problem, position }: Omit<Failure, "progress">): Refusal {
  const { code, expected, presented, rule } = problem;
  const sides = { code, position, expected: printable(expected), presented: printable(presented) };
  return rule === undefined ? sides : { ...sides, rule };
}

const MAX_TEXT = 240;

/**
 * Printable ASCII of bounded length: a peer writes the certificates that these texts quote, and people read them in
 * logs.
 */
function printable(text: string): string {
  const cut = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}...` : text;
  return cut.replaceAll(/[^ -~]/gu, "?");
}
