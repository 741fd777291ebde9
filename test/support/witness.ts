/** The witness of the tests: rustls-webpki in the committed module, made once in a process. */
import { nodeWitness } from "../../src/host/node/witness.ts";

/** The witness of all tests of a process. */
export const witness = nodeWitness();
