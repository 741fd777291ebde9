/** The witness for callers that judge chains without connections: x509-limbo, PKITS, fuzzing, benchmarks, tests. */
import { standaloneWitness } from "../../backend/index.ts";
import type { Witness } from "../../trust/index.ts";
import { nodeRuntime } from "./runtime.ts";

/** The witness on Node. The module is compiled at the first question. */
export function nodeWitness(): Witness {
  let runtime: ReturnType<typeof nodeRuntime> | null = null;
  return standaloneWitness(() => (runtime ??= nodeRuntime()));
}
