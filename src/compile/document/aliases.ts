/** Bounds on values that YAML aliases make large, deep or endless. */
import { type Diagnostic, inputDiagnostic, type Location } from "../diagnostics/diagnostics.ts";

/** Levels of nesting that one document may have. */
export const MAX_DEPTH = 100;
/** Nodes that one document may have when its aliases are expanded. */
const MAX_EXPANDED_NODES = 1_000_000;

/**
 * Whether a value is too large or too deep, or contains itself. Aliases share values, so a short text can mean any of
 * these. This function walks no value twice; later passes may walk every value that it accepts.
 */
export function expandsTooFar(root: unknown): boolean {
  const measured = new Map<object, Measure>();
  const visit = (value: unknown): Measure => {
    if (value === null || typeof value !== "object") return LEAF;
    const known = measured.get(value);
    if (known !== undefined) return known;
    measured.set(value, ENDLESS);
    let nodes = 1;
    let depth = 0;
    for (const child of Object.values(value)) {
      const inner = visit(child);
      nodes += inner.nodes;
      depth = Math.max(depth, inner.depth);
    }
    const own = { nodes, depth: depth + 1 };
    measured.set(value, own);
    return own;
  };
  const { nodes, depth } = visit(root);
  return nodes > MAX_EXPANDED_NODES || depth > MAX_DEPTH;
}

interface Measure {
  readonly nodes: number;
  readonly depth: number;
}
const LEAF: Measure = { nodes: 1, depth: 0 };
const ENDLESS: Measure = { nodes: Number.POSITIVE_INFINITY, depth: Number.POSITIVE_INFINITY };

/** The fault of a document that aliases make too large, too deep or endless. */
export const aliasFault = (location: Location): Diagnostic =>
  inputDiagnostic({
    code: "yaml-aliases",
    message: "YAML aliases expand this document without bound",
    location,
    expected: `at most ${MAX_EXPANDED_NODES} nodes, ${MAX_DEPTH} deep`,
    remedy: "write the repeated parts out",
  });
