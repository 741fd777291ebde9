/** The witness of the tests: the real one, of the committed module, made once a process. */
import { nodeWitness } from "../../src/host/node/witness.ts";

export const witness = nodeWitness();
