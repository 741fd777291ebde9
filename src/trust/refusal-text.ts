/** The refusal that a failure becomes: its texts quote a peer's certificates, so they are made printable here. */
import type { Failure } from "./path/failure.ts";
import type { Refusal } from "./verdict.ts";

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
