/**
 * Chains that are made to be expensive, by a backend that nobody vouches for and by a CA under constraints. Minted anew
 * each time, with keys and signatures of one length, so that the charged work is the same in every run.
 */
import type { TrustPolicy } from "../../../src/trust/index.ts";
import {
  ca,
  dirName,
  dns,
  extension,
  type Minted,
  name,
  NOW,
  server,
  uri,
  relativeName,
} from "../../support/certificates.ts";
import { crl } from "../../support/crls.ts";
import { bytes, type Bytes, generalizedTime, int, oid, seq, tlv } from "../../support/der.ts";
import { edKey } from "../../support/keys.ts";
import { sha256 } from "../../support/sha256.ts";
import { policy } from "../../support/verdicts.ts";
import { addCrowds } from "./crowds.ts";
import { ROOM, times } from "./parts.ts";
import { addStrangers } from "./strangers.ts";
import { addVouchedFor } from "./subordinates.ts";

/** A chain that is made to be expensive, and the policy that it is presented under. */
export interface HostileChain {
  readonly name: string;
  readonly trust: TrustPolicy;
  readonly presented: readonly Bytes[];
  readonly staple: Bytes | null;
}

/** All chains. Every stranger can write the name of the policy's CA, and none has its key. */
export function hostileChains(): HostileChain[] {
  const anchor = ca("anchor", null, { key: edKey() });
  const impostor: Minted = { ...anchor, key: edKey() };
  const chains: HostileChain[] = [];
  const add = (title: string, presented: readonly Minted[], more: Partial<TrustPolicy> = {}): void => {
    chains.push({
      name: title,
      trust: policy([anchor], more),
      presented: presented.map(({ der }) => der),
      staple: null,
    });
  };
  addStrangers(add, impostor);
  addCrowds(add, impostor);
  addVouchedFor(add, anchor);
  const stapled = (title: string, staple: Bytes, extensions: readonly Bytes[] = []): void => {
    const leaf = server(anchor, { key: edKey(), serial: SERIAL, extensions });
    chains.push({ name: `stapled: ${title}`, trust: policy([anchor]), presented: [leaf.der], staple });
  };
  stapled("octets that are no response", new Uint8Array(ROOM).fill(0x30));
  stapled(
    "600 responses",
    ocspResponse(
      anchor,
      times(600, (index) => singleResponse(int(2 ** 40 + 1 + index), new Uint8Array(32))),
    ),
  );
  const mustStaple = extension("1.3.6.1.5.5.7.1.24", false, seq(int(5)));
  const about = singleResponse(SERIAL, sha256(anchor.subject));
  stapled(
    "480 answers of a promised response",
    ocspResponse(
      anchor,
      times(480, () => about),
    ),
    [mustStaple],
  );
  addCrowdedPolicies(chains, impostor);
  const crls = times(10, (index) => crl(anchor, { extensions: [extension("2.5.29.20", false, int(index + 1))] }));
  const point = (index: number): Bytes =>
    seq(tlv(0xa0, tlv(0xa0, uri(`http://${index}`))), tlv(0xa2, dirName(name(`r${index}`))));
  const points = extension("2.5.29.31", false, seq(...times(1_400, point)));
  add(
    "revocation: 1,400 distribution points against 10 lists",
    [server(anchor, { key: edKey(), extensions: [points] })],
    {
      crls,
    },
  );
  const organisation = name(...times(8, (index) => `an organisation ${index}`));
  const issuing = ca("", anchor, { subject: organisation, key: edKey() });
  const relative = extension("2.5.29.31", false, seq(...times(2_500, (index) => seq(relativeName(`r${index}`)))));
  const idp = (index: number): Bytes => extension("2.5.29.28", true, seq(relativeName(`q${index}`)));
  const numbered = (index: number): Bytes => extension("2.5.29.20", false, int(index + 1));
  const ofPoints = times(10, (index) => crl(issuing, { extensions: [numbered(index), idp(index)] }));
  add(
    "revocation: 2,500 relative distribution points against 10 lists of them",
    [server(issuing, { key: edKey(), extensions: [relative] }), issuing],
    { crls: [crl(anchor), crl(issuing), ...ofPoints] },
  );
  return chains;
}

/** Adds chains for policies with many names or CAs. An operator chooses those; a backend chooses what it presents to them. */
function addCrowdedPolicies(chains: HostileChain[], impostor: Minted): void {
  const bundle = times(150, (index) => ca(`root ${index}`, null, { key: edKey() }));
  const [first = impostor] = bundle;
  const names = times(2_000, (index) => dns(`*.n${index}.example.com`));
  const identifiers = times(5, (index) => ({ type: "dns", value: `a${index}.example.com` }) as const);
  const leaf = server(first, { key: edKey(), names });
  const shared = { presented: [leaf.der], staple: null };
  chains.push({ name: "policy: five names against 2,000", trust: policy(bundle, { identifiers }), ...shared });
  const strangers = times(15, (index) =>
    ca(`root ${index + 1}`, { ...impostor, subject: name(`root ${index}`) }, { key: edKey() }),
  );
  const others = [server({ ...impostor, subject: first.subject }, { key: edKey() }), ...strangers];
  chains.push({
    name: "policy: 150 CAs against 16 strangers",
    trust: policy(bundle),
    presented: others.map(({ der }) => der),
    staple: null,
  });
}

/** An OCSPResponse with a BasicOCSPResponse that `signer` signed (RFC 6960 §4.2.1). */
function ocspResponse(signer: Minted, responses: readonly Bytes[]): Bytes {
  const data = seq(tlv(0xa2, tlv(0x04, signer.key.id)), generalizedTime(NOW - 1000), seq(...responses));
  const { algorithm, sign } = signer.key.signer;
  const basic = seq(data, algorithm, tlv(0x03, bytes(0), sign(data)));
  return seq(tlv(0x0a, bytes(0)), tlv(0xa0, seq(oid("1.3.6.1.5.5.7.48.1.1"), tlv(0x04, basic))));
}

const SERIAL = int(2 ** 40);

/** A SingleResponse about a serial number of an issuer of this name and another key. */
const singleResponse = (serial: Bytes, issuerName: Bytes): Bytes =>
  seq(
    seq(seq(oid("2.16.840.1.101.3.4.2.1")), tlv(0x04, issuerName), tlv(0x04, new Uint8Array(32)), serial),
    tlv(0x80),
    generalizedTime(NOW - 1000),
  );

/** A good chain, for comparison: three certificates, as a private CA issues them. */
export function goodChain(): HostileChain {
  const anchor = ca("anchor");
  const issuing = ca("issuing", anchor);
  return { name: "a good chain", trust: policy([anchor]), presented: [server(issuing).der, issuing.der], staple: null };
}
