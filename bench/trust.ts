/**
 * The cost of a verdict: lasthop's verifier against the engine of PKI.js alone, which checks neither names nor purposes
 * nor path lengths, and against X509Certificate of node:crypto, of which signatures, dates and one hostname are checked.
 * CPU of this process with the threads of WebCrypto; the three take turns on the same chains.
 */
import { X509Certificate } from "node:crypto";
import { Certificate, CertificateChainValidationEngine } from "pkijs";
import { nodeSha256 } from "../src/host/node-crypto.ts";
import { nodeWitness } from "../src/host/node/witness.ts";
import { CertificateStore, type Verifier, createVerifier } from "../src/trust/index.ts";
import { HOST, type Minted, NOW, ca, extension, server } from "../test/support/certificates.ts";
import { type Key, ecKey, rsaKey } from "../test/support/keys.ts";
import { POLICY_DIGEST, policy } from "../test/support/verdicts.ts";
import { format, interleave, ratios, spread } from "./measure.ts";

const CHAINS = 100;
const ROUNDS = 15;
const CACHED = 20_000;

const witness = nodeWitness();

/** The certificates of one measurement. There are `CHAINS` end entities: their issuer can be cached, they cannot. */
interface Fixture {
  readonly root: Minted;
  readonly intermediates: readonly Minted[];
  readonly endEntities: readonly Minted[];
}

/** Prints the tables of verdicts. */
export async function benchTrust(): Promise<void> {
  console.log(`## First verdict (CPU µs a chain, ${CHAINS} chains a round, ${ROUNDS} rounds)\n`);
  console.log(
    "| keys | path | issuers | lasthop, µs | PKI.js engine, µs | ratio | node:crypto, µs | ratio |\n|---|---|---|---|---|---|---|---|",
  );
  for (const [keys, key] of [
    ["P-256", () => ecKey()],
    ["RSA-2048", () => rsaKey(2048)],
  ] as const) {
    for (const length of [2, 3]) {
      const fixture = mintFixture(key, length);
      for (const issuers of ["new", "remembered"] as const) {
        const tasks = { ours: ours(fixture, issuers), engine: engine(fixture, issuers), node: node(fixture, issuers) };
        for (const task of Object.values(tasks)) for (let warm = 0; warm < 3; warm++) await task();
        const samples = await interleave(tasks, ROUNDS);
        const [own, peer, native] = [samples["ours"] ?? [], samples["engine"] ?? [], samples["node"] ?? []];
        const micros = (us: readonly number[]): string => format(spread(us.map((each) => each / CHAINS)), 0);
        console.log(
          `| ${keys} | ${length} | ${issuers} | ${micros(own)} | ${micros(peer)} | ${format(ratios(own, peer))} | ${micros(native)} | ${format(ratios(own, native))} |`,
        );
      }
    }
  }
  await benchCached();
  console.log();
}

/** Measures a cached verdict against one SHA-256 of the same bytes. */
async function benchCached(): Promise<void> {
  const { verifier, chain, bytes } = await largeChain();
  const flat = Buffer.concat(chain);
  const tasks = {
    ours: async () => {
      for (let count = 0; count < CACHED; count++) {
        const verdict = await verifier.verify(chain, NOW);
        if (verdict.kind !== "verified") throw new Error(verdict.refusal.code);
      }
    },
    digest: () => {
      for (let count = 0; count < CACHED; count++) nodeSha256(flat);
    },
  };
  for (const task of Object.values(tasks)) await task();
  const samples = await interleave(tasks, ROUNDS);
  const [own, peer] = [samples["ours"] ?? [], samples["digest"] ?? []];
  const micros = (us: readonly number[]): string => format(spread(us.map((each) => each / CACHED)), 1);
  console.log(
    `\nCached verdict, ${chain.length} certificates of ${bytes} bytes: ${micros(own)} µs; their SHA-256 alone ${micros(peer)} µs, ratio ${format(ratios(own, peer))}.`,
  );
}

function mintFixture(key: () => Key, length: number): Fixture {
  const root = ca("bench root", null, { key: key() });
  const intermediates = length === 2 ? [] : [ca("bench issuing", root, { key: key() })];
  const issuer = intermediates[0] ?? root;
  const own = key();
  return { root, intermediates, endEntities: Array.from({ length: CHAINS }, () => server(issuer, { key: own })) };
}

/** A chain of exactly 4,096 bytes: an end entity and two RSA-2048 intermediates, padded in an unknown extension. */
async function largeChain(): Promise<{ verifier: Verifier; chain: Uint8Array[]; bytes: number }> {
  const key = rsaKey(2048);
  const root = ca("bench root", null, { key: rsaKey(2048) });
  const upper = ca("bench upper", root, { key });
  const issuing = ca("bench issuing", upper, { key: rsaKey(2048) });
  const chainOf = (padding: number): Uint8Array[] => {
    const extensions = [extension("1.3.6.1.4.1.55738.9", false, new Uint8Array(padding))];
    return [server(issuing, { key, extensions }), issuing, upper].map(({ der }) => der);
  };
  const size = (chain: readonly Uint8Array[]): number => chain.reduce((sum, der) => sum + der.length, 0);
  const chain = chainOf(1024 + 4096 - size(chainOf(1024)));
  const verifier = createVerifier({ policy: POLICY_DIGEST, trust: policy([root]), sha256: nodeSha256, witness });
  await verifier.verify(chain, NOW);
  return { verifier, chain, bytes: size(chain) };
}

/** lasthop's task. `new` issuers: a verifier and a store for each chain. `remembered`: one store with the issuers. */
function ours({ root, intermediates, endEntities }: Fixture, issuers: "new" | "remembered"): () => Promise<void> {
  const above = intermediates.map(({ der }) => der);
  const trust = policy([root]);
  const store = new CertificateStore(nodeSha256);
  const verifier = (cache: CertificateStore): Verifier =>
    createVerifier({ policy: POLICY_DIGEST, trust, cache, sha256: nodeSha256, witness });
  return async () => {
    // Each round has a new verifier, because a verifier caches verdicts. The store caches certificates only.
    const shared = verifier(store);
    for (const { der } of endEntities) {
      const own = issuers === "remembered" ? shared : verifier(new CertificateStore(nodeSha256));
      const verdict = await own.verify([der, ...above], NOW);
      if (verdict.kind !== "verified") throw new Error(verdict.refusal.code);
    }
  };
}

function engine({ root, intermediates, endEntities }: Fixture, issuers: "new" | "remembered"): () => Promise<void> {
  const parse = ({ der }: Minted): Certificate => Certificate.fromBER(new Uint8Array(der));
  const known = { root: parse(root), intermediates: intermediates.map(parse) };
  return async () => {
    for (const endEntity of endEntities) {
      const above = issuers === "remembered" ? known : { root: parse(root), intermediates: intermediates.map(parse) };
      const { result, resultMessage } = await new CertificateChainValidationEngine({
        trustedCerts: [above.root],
        certs: [...above.intermediates, parse(endEntity)],
        checkDate: new Date(NOW),
      }).verify();
      if (!result) throw new Error(resultMessage);
    }
  };
}

function node({ root, intermediates, endEntities }: Fixture, issuers: "new" | "remembered"): () => void {
  const parse = ({ der }: Minted): X509Certificate => new X509Certificate(der);
  const parseIssuers = (): X509Certificate[] => [...intermediates, root].map(parse);
  const known = parseIssuers();
  return () => {
    for (const endEntity of endEntities) {
      const path = [parse(endEntity), ...(issuers === "remembered" ? known : parseIssuers())];
      for (const [index, certificate] of path.entries()) {
        const valid = certificate.validFromDate.getTime() <= NOW && NOW <= certificate.validToDate.getTime();
        const issuer = path[index + 1];
        const signed =
          issuer === undefined || (certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey));
        if (!valid || !signed) throw new Error(certificate.subject);
      }
      if (path[0]?.checkHost(HOST) === undefined) throw new Error("no name");
    }
  };
}

if (process.argv[1] === import.meta.filename) await benchTrust();
