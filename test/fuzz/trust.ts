/** The fuzzed function: any input must have a verdict, the same one twice, and never an exception. */
import { CertificateStore, REFUSAL_CODES, type Verdict, createVerifier } from "../../src/trust/index.ts";
import { NOW } from "../support/certificates.ts";
import type { Bytes } from "../support/der.ts";
import { POLICY_DIGEST } from "../support/verdicts.ts";
import { sha256 } from "../support/sha256.ts";
import { witness } from "../support/witness.ts";
import { type Scenario, decodeScenario } from "./scenario.ts";

const { subtle } = globalThis.crypto;
const honest = subtle.verify.bind(subtle);

/** The answer to an input. */
export interface Answer {
  readonly verdict: Verdict;
  /** The CPU time of the first verdict. */
  readonly cpuMs: number;
  /** The work charged for the first verdict, in the units of `Budgets.work`. */
  readonly work: number;
}

/** The verdict about an input. Throws when it breaks a rule for verdicts. */
export async function expectVerdict(data: Bytes): Promise<Answer> {
  const scenario = decodeScenario(data);
  // Every signature is decided by this function, but for RSA above 4096 bits.
  if (scenario.options.forged) subtle.verify = () => Promise.resolve(true);
  try {
    return await expectSameVerdict(scenario);
  } finally {
    subtle.verify = honest;
  }
}

async function expectSameVerdict(scenario: Scenario): Promise<Answer> {
  const store = new CertificateStore(sha256);
  let work = 0;
  const start = process.cpuUsage();
  const first = await verdictOf(scenario, store, (units) => {
    work = units;
  });
  const { user, system } = process.cpuUsage(start);
  checkVerdict(first, scenario);
  // The remembered certificates of the store change nothing.
  const second = await verdictOf(scenario, store);
  if (JSON.stringify(first) !== JSON.stringify(second)) throw new Error("the second verdict differs from the first");
  // The order of the rest of the chain changes nothing that is proved, while there is budget for all of it.
  const [endEntity, ...rest] = scenario.presented;
  if (endEntity !== undefined && rest.length > 1) {
    const turned = await verdictOf({ ...scenario, presented: [endEntity, ...rest.toReversed()] }, store);
    const bounded = [first, turned].some(
      (verdict) => verdict.kind === "refused" && verdict.refusal.code === "budget-exceeded",
    );
    if (!bounded && turned.kind !== first.kind) throw new Error("the order of the chain changes the verdict");
  }
  return { verdict: first, cpuMs: (user + system) / 1000, work };
}

function verdictOf(
  { trust, presented, staple }: Scenario,
  cache: CertificateStore,
  onWork: (units: number) => void = () => {},
): Promise<Verdict> {
  return createVerifier({ policy: POLICY_DIGEST, trust, cache, sha256, witness, onWork }).verify(presented, NOW, {
    ocspResponse: staple,
  });
}

function checkVerdict(verdict: Verdict, { presented, trust }: Scenario): void {
  const fail = (why: string): never => {
    throw new Error(`${why}: ${JSON.stringify(verdict)}`);
  };
  const same = (one: Bytes | undefined, other: Bytes | undefined): boolean =>
    one !== undefined && other !== undefined && Buffer.compare(one, other) === 0;
  if (verdict.kind === "verified") {
    const { path, notAfterMs } = verdict.peer.path;
    if (!same(path[0], presented[0])) fail("another end entity was verified than the one presented");
    if (!trust.anchors.some(({ der }) => same(der, path.at(-1)))) fail("the path ends in no anchor");
    if (path.length > trust.maxChainDepth) fail("the path is too long");
    if (!(notAfterMs >= Math.floor(NOW / 1000) * 1000)) fail("the path has expired");
    if (trust.spkiPins.length > 0) fail("no key has this pin");
    return;
  }
  const { code, position, expected, presented: found } = verdict.refusal;
  if (!REFUSAL_CODES.includes(code)) fail("an unknown code");
  if (position !== null && !(position >= -1 && position < presented.length)) fail("a position outside the chain");
  if (!/^[ -~]{1,243}$/u.test(expected) || !/^[ -~]{0,243}$/u.test(found)) fail("an unprintable text");
  // PKI.js may object, but an exception of our own must not hide behind the code for that.
  if (code === "second-opinion" && /not a function|undefined|null|is not iterable|Invalid array/u.test(found)) {
    fail("an exception inside");
  }
}
