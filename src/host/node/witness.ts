/** The witness for those who judge chains without connections: x509-limbo, PKITS, fuzzing, benchmarks, tests. */
import { Instance } from "../../backend/engine/instance.ts";
import { witnessOf } from "../../backend/engine/witness.ts";
import type { Witness } from "../../trust/index.ts";
import { nodeHost } from "./host.ts";

/** Compiles the module at the first question, and makes another instance after a trap. */
export function nodeWitness(): Witness {
  let host: ReturnType<typeof nodeHost> | null = null;
  let instance: Instance | null = null;
  return witnessOf(() => {
    host ??= nodeHost();
    if (instance === null || instance.trapped !== null) instance = new Instance(host);
    return instance;
  });
}
