/** Writes the first corpus: `node test/fuzz/seed.ts DIR`. The keys that sign it are not kept. */
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  HOST,
  NOW,
  type Minted,
  ca,
  dirName,
  dns,
  email,
  ext,
  extension,
  ip,
  name,
  server,
  uri,
} from "../support/certificates.ts";
import { crl, crlNumber, issuingDistributionPoint as idp } from "../support/crls.ts";
import { type Bytes, bytes, generalizedTime, int, oid, seq, text, tlv, utf8 } from "../support/der.ts";
import { ecKey, edKey, rsaKey } from "../support/keys.ts";
import { type Options, encodeScenario } from "./scenario.ts";
import { unsignedStaple as ocsp } from "../support/staples.ts";

const DEFAULTS: Options = {
  profile: "private",
  forged: true,
  anchors: 1,
  crls: 0,
  staple: false,
  pinned: false,
  depth: 0,
};
const root = ca("root");
const issuing = ca("issuing", root);
const seeds: Bytes[] = [];

function seed(chain: readonly Minted[], more: Partial<Options> = {}, others: readonly Bytes[] = []): void {
  const [anchor, ...presented] = chain.map(({ der }) => der);
  if (anchor === undefined) throw new Error("a seed starts with its anchor");
  seeds.push(encodeScenario({ ...DEFAULTS, ...more }, [anchor, ...others, ...presented]));
}

const number = crlNumber(7);
const anyName = [
  dns("*.example.com"),
  email("user@example.com"),
  uri("spiffe://example.com/backend"),
  ip(10, 0, 0, 1),
  tlv(0x87, new Uint8Array(16)),
  dirName(name("2.5.4.10=Org", "server")),
  tlv(0xa0, oid("1.2.3"), tlv(0xa0, utf8("x"))),
  tlv(0x88, bytes(0x2a, 3)),
];

for (const forged of [false, true]) {
  for (const profile of ["private", "strict"] as const) {
    seed([root, server(root)], { forged, profile });
    seed([root, server(issuing), issuing], { forged, profile });
  }
  seed([root, server(issuing), issuing], { forged, crls: 2 }, [crl(root), crl(issuing, { revoked: [int(1)] })]);
  for (const key of [edKey(), ecKey("P-384", "SHA-384"), ecKey("P-521", "SHA-512"), rsaKey(2048)]) {
    const anchor = ca("anchor", null, { key });
    seed([anchor, server(anchor)], { forged });
  }
}
const own = server(root, { extensions: [] });
seed([own, own]);
seed([root, server(root)], { pinned: true });
seed([root, server(issuing), issuing], { depth: 2 });
seed([root, server(root, { serial: int(5) })], { staple: true }, [ocsp(5, tlv(0xa1, generalizedTime(NOW)))]);
seed([root, server(root, { serial: int(5) })], { staple: true }, [ocsp(5, tlv(0x80))]);
for (const fields of [
  [tlv(0x81, bytes(0xff))],
  [tlv(0x82, bytes(0xff))],
  [tlv(0xa0, tlv(0xa0, uri("http://a/crl")))],
]) {
  const list = crl(root, { extensions: [number, idp(...fields)] });
  const point = extension("2.5.29.31", false, seq(seq(tlv(0xa0, tlv(0xa0, uri("http://a/crl"))))));
  seed([root, server(root, { extensions: [point] })], { crls: 1 }, [list]);
}
const reason = seq(extension("2.5.29.21", false, tlv(0x0a, bytes(1))));
seed([root, server(root)], { crls: 1 }, [crl(root, { revoked: [int(3)], entryExtensions: reason })]);
for (const constraints of [
  ext.constraints([dns("example.com"), dirName(name(HOST))]),
  ext.constraints([], [dns("a.example.com"), dns("evil.test")]),
  ext.constraints([email("example.com"), email("user@example.com"), email(".example.com")]),
  ext.constraints([uri("example.com"), uri(".example.com")], [uri("host.example")]),
  ext.constraints([ip(10, 0, 0, 0, 255, 0, 0, 0)], [tlv(0x87, new Uint8Array(32))]),
  ext.constraints([dirName(name("2.5.4.10=Org"))], [tlv(0x88, bytes(0x2a)), tlv(0xa0, oid("1.2.3"), tlv(0xa0))]),
]) {
  const limited = ca("limited", root, { extensions: [constraints] });
  seed([root, server(limited, { names: [dns(HOST), ...anyName] }), limited]);
  seed([root, server(limited, { names: [dns(HOST)] }), limited]);
}
const policies = ext.policies("1.2.3");
const asserting = ca("asserting", root, {
  extensions: [ext.policies("1.2.3", "1.2.4"), ext.mappings(["1.2.3", "1.2.5"]), ext.policyConstraints(0, 1)],
});
seed([root, server(asserting, { extensions: [ext.policies("1.2.5")] }), asserting]);
const inhibiting = ca("inhibiting", root, { extensions: [ext.policies("2.5.29.32.0"), ext.inhibitAny(0)] });
const below = ca("below", inhibiting, { extensions: [ext.policies("2.5.29.32.0"), ext.policyConstraints(0)] });
seed([root, server(below, { extensions: [policies] }), below, inhibiting]);
const short = ca("short", root, { pathLength: 0, extensions: [ext.eku("1.3.6.1.5.5.7.3.1")] });
seed([root, server(ca("deep", short)), ca("deep", short), short]);
const selfIssued = ca("root", root);
seed([root, server(selfIssued), selfIssued, issuing, root]);
const [one, two] = [ecKey(), ecKey()];
const a = ca("a", { der: bytes(), subject: name("b"), key: two }, { key: one });
const b = ca("b", { der: bytes(), subject: name("a"), key: one }, { key: two });
seed([root, server(a), a, b]);
const directory = (tag: number, ...octets: readonly number[]): Bytes =>
  seq(tlv(0x31, seq(oid("2.5.4.3"), tlv(tag, bytes(...octets)))));
for (const subject of [
  directory(0x14, 0x61, 0x20, 0x62),
  directory(0x1e, 0, 0x61, 0, 0x62),
  directory(0x1c, 0, 0, 0, 0x61),
  seq(tlv(0x31, seq(oid("1.2.840.113549.1.9.1"), text(0x16, "user@example.com")))),
  seq(),
]) {
  seed([root, server(root, { subject, names: anyName })]);
  seed([root, server(root, { subject, names: anyName })], { profile: "strict" });
}
const access = extension("1.3.6.1.5.5.7.1.1", false, seq(seq(oid("1.3.6.1.5.5.7.48.1"), uri("http://a/ocsp"))));
const qualified = extension(
  "2.5.29.32",
  false,
  seq(seq(oid("1.2.3"), seq(seq(oid("1.3.6.1.5.5.7.2.1"), text(0x16, "https://cps.example"))))),
);
seed([root, server(root, { extensions: [access, qualified, extension("1.2.3.4", true, bytes(5, 0))] })]);
const pss = "1.2.840.113549.1.1.10";
const sha256 = seq(oid("2.16.840.1.101.3.4.2.1"));
const parameters = seq(
  oid(pss),
  seq(tlv(0xa0, sha256), tlv(0xa1, seq(oid("1.2.840.113549.1.1.8"), sha256)), tlv(0xa2, int(32))),
);
const rsaRoot = ca("rsa root", null, { key: rsaKey(2048) });
seed([rsaRoot, server(rsaRoot, { innerAlgorithm: parameters, signature: new Uint8Array(256) })]);

const [directoryName = "test/fuzz/corpus"] = process.argv.slice(2);
mkdirSync(directoryName, { recursive: true });
for (const data of seeds) {
  writeFileSync(join(directoryName, createHash("sha1").update(data).digest("hex")), data);
}
console.log(`${seeds.length} seeds in ${directoryName}`);
