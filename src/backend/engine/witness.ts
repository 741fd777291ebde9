/** The witness that trust/ asks: rustls-webpki in the module that also speaks TLS (`wasm/src/witness.rs`). */
import type { Witness, WitnessAnswer, WitnessQuestion } from "../../trust/index.ts";
import { WITNESS } from "./abi.ts";
import { Writer } from "./codec.ts";
import { ConnectionError } from "./errors.ts";
import { type EngineRuntime, Instance } from "./instance.ts";

/** A witness that speaks through whichever instance is alive. A trap, or a path that does not fit, is a refusal. */
export function witnessOf(instance: () => Instance): Witness {
  return (question) => {
    try {
      return ask(instance(), question);
    } catch (error) {
      if (error instanceof ConnectionError) return { kind: "refused", why: error.received };
      throw error;
    }
  };
}

/**
 * A witness with an instance of its own, for callers that judge chains without connections. `runtime` is asked for the
 * module at the first question; after a trap there is another instance.
 */
export function standaloneWitness(runtime: () => EngineRuntime): Witness {
  let instance: Instance | null = null;
  return witnessOf(() => {
    if (instance === null || instance.trapped !== null) instance = new Instance(runtime());
    return instance;
  });
}

function ask(instance: Instance, question: WitnessQuestion): WitnessAnswer {
  const writer = new Writer(instance.input);
  write(writer, question);
  const answer = instance.call((wasm) => wasm.witness(writer.length));
  if (answer === WITNESS.accepted) return { kind: "accepted" };
  return { kind: "refused", why: answer < 0 ? instance.failure().received : `no answer, but ${answer}` };
}

function write(writer: Writer, question: WitnessQuestion): void {
  const { path } = question;
  switch (question.kind) {
    case "judge": {
      const seconds = Math.floor(question.nowMs / 1000);
      writer.u8(WITNESS.judge);
      writer.u32(seconds % 2 ** 32);
      writer.u32(Math.floor(seconds / 2 ** 32));
      if (question.name === null) {
        writer.u8(WITNESS.noName);
      } else if (question.name.type === "dns") {
        writer.u8(WITNESS.dnsName);
        writer.short(question.name.value);
      } else {
        writer.u8(WITNESS.address);
        writer.u16(question.name.octets.length);
        writer.bytes(question.name.octets);
      }
      writer.u8(path.length);
      for (const certificate of path) writer.long(certificate);
      return;
    }
    case "verify-signatures":
      writer.u8(WITNESS.verifySignatures);
      writer.u8(path.length);
      for (const [index, certificate] of path.entries()) {
        writer.u8(question.asked[index] ? 1 : 0);
        writer.long(certificate);
      }
  }
}
