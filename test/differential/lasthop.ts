/** What lasthop says of a random graph, and the program that mints the graphs. */
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { nodeSha256 } from "../../src/host/node-crypto.ts";
import { nodeWitness } from "../../src/host/node/witness.ts";
import { type Verdict, createVerifier } from "../../src/trust/index.ts";
import type { GraphCase } from "./case.ts";

/** The folder of what a run writes. */
export const HOME = resolve(import.meta.dirname, "../../.lasthop/differential");

/** Budgets that no case exceeds: limits have tests of their own, and here they would hide what the rules say. */
const BUDGETS = { signatures: 10_000, candidates: 10_000, paths: 10_000, opinions: 10_000 } as const;

const witness = nodeWitness();

/** What lasthop answers to a case. */
export function verdictOn({
  certificates,
  question,
  endEntity,
  intermediates,
  anchors,
  at,
}: GraphCase): Promise<Verdict> {
  const ders = certificates.map(({ der }) => new Uint8Array(Buffer.from(der, "base64")));
  const pick = (places: readonly number[]): Uint8Array[] => places.flatMap((place) => ders[place] ?? []);
  const verifier = createVerifier({
    policy: "0".repeat(64),
    trust: {
      identifiers: [question],
      anchors: pick(anchors).map((der) => ({ der, source: "differential" })),
      profile: "private",
      spkiPins: [],
      crls: null,
      maxChainDepth: 10,
      budgets: BUDGETS,
    },
    sha256: nodeSha256,
    witness,
  });
  return verifier.verify(pick([endEntity, ...intermediates]), Date.parse(at));
}

/** Builds graphs/ with the Go of this machine. Returns the path of the program. */
export function buildGraphs(): string {
  const graphs = join(HOME, "graphs");
  mkdirSync(HOME, { recursive: true });
  execFileSync("go", ["build", "-o", graphs, "."], {
    cwd: join(import.meta.dirname, "graphs"),
    env: { ...process.env, GOTOOLCHAIN: "local", GOFLAGS: "-mod=readonly" },
    stdio: "inherit",
  });
  return graphs;
}
