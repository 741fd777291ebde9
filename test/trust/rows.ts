/** Chains of every kind, for tests that must find the same verdict in every runtime. Minted anew each time. */
import { readFileSync } from "node:fs";
import { type JudgedRow, type Row, judge } from "./judge.ts";
import {
  CLIENT_AUTH,
  DAY,
  HOST,
  type Minted,
  NOW,
  SERVER_AUTH,
  type Spec,
  ca,
  dirName,
  dns,
  email,
  ext,
  extension,
  ip,
  mint,
  name,
  server,
  uri,
} from "../support/certificates.ts";
import { crl } from "../support/crls.ts";
import { type Bytes, bytes, concat, generalizedTime, int, oid, seq, text, tlv, utf8 } from "../support/der.ts";
import { type Key, bareKey, ecKey, edKey, rsaKey } from "../support/keys.ts";
import { sha256 } from "../support/sha256.ts";
import { witness } from "../support/witness.ts";
import { byKey, staple as signedStaple, tlsFeature, unsignedStaple } from "../support/staples.ts";

/** Each row with Node's verdict. */
export function judgedRows(): Promise<JudgedRow[]> {
  return Promise.all(mintRows().map(async (row) => ({ ...row, verdict: await judge(row, witness) })));
}

export function mintRows(): Row[] {
  const rows: Row[] = [];
  const root = ca("root");
  const issuing = ca("issuing", root);
  const base64 = (der: Bytes): string => Buffer.from(der).toString("base64");
  type More = Partial<Omit<Row, "anchors" | "crls" | "staple">> & {
    readonly anchors?: readonly Minted[];
    readonly crls?: readonly Bytes[];
    readonly staple?: Bytes;
  };
  const row = (title: string, chain: readonly Minted[], more: More = {}): void => {
    const { anchors = [root], crls, staple, ...rest } = more;
    rows.push({
      name: title,
      identifiers: [{ type: "dns", value: HOST }],
      spkiPins: [],
      profile: "private",
      maxChainDepth: 10,
      nowMs: NOW,
      ...rest,
      anchors: anchors.map(({ der }) => base64(der)),
      crls: crls?.map(base64) ?? null,
      presented: chain.map(({ der }) => base64(der)),
      staple: staple === undefined ? null : base64(staple),
    });
  };
  const broken = (minted: Minted): Minted => {
    const der = Uint8Array.from(minted.der);
    der[der.length - 9] = (der[der.length - 9] ?? 0) ^ 0x10;
    return { ...minted, der };
  };

  // Keys and signatures.
  const keys: readonly (readonly [string, () => Key])[] = [
    ["P-256 with SHA-256", () => ecKey()],
    ["P-256 with SHA-512", () => ecKey("P-256", "SHA-512")],
    ["P-384 with SHA-256", () => ecKey("P-384", "SHA-256")],
    ["P-384 with SHA-384", () => ecKey("P-384", "SHA-384")],
    ["P-521 with SHA-256", () => ecKey("P-521", "SHA-256")],
    ["P-521 with SHA-512", () => ecKey("P-521", "SHA-512")],
    ["Ed25519", edKey],
    ["RSA-2048 with SHA-256", () => rsaKey(2048)],
    ["RSA-2048 with SHA-384, exponent 3", () => rsaKey(2048, "SHA384", 3)],
    ["RSA-2056 with SHA-512", () => rsaKey(2056, "SHA512")],
    ["RSA-1024", () => rsaKey(1024)],
    ["RSA with SHA-1", () => rsaKey(2048, "SHA1")],
  ];
  for (const [title, key] of keys) {
    const own = key();
    const anchor = ca("anchor", null, { key: own });
    row(`${title}: verifies`, [server(anchor)], { anchors: [anchor] });
    row(`${title}: a broken signature`, [broken(server(anchor))], { anchors: [anchor] });
    row(`${title}: of a server`, [server(root, { key: own })]);
    row(`${title}: of another key`, [server({ ...anchor, key: { ...root.key, id: anchor.key.id } })], {
      anchors: [anchor],
    });
  }
  for (const file of ["rsa8192-pkcs1", "rsa8192-pss", "rsa4100-pss", "rsa2048-pss"]) {
    const [anchor, endEntity] = [`${file}-ca`, `${file}-server`].map((part): Minted => {
      return { ...root, der: new Uint8Array(readFileSync(new URL(`fixtures/${part}.der`, import.meta.url))) };
    });
    if (anchor === undefined || endEntity === undefined) continue;
    row(file, [endEntity], { anchors: [anchor], nowMs: Date.UTC(2030, 0, 1) });
    row(`${file}: a broken signature`, [broken(endEntity)], { anchors: [anchor], nowMs: Date.UTC(2030, 0, 1) });
  }
  const point = (curve: string, size: number, first = 4): Key =>
    bareKey(seq(seq(oid("1.2.840.10045.2.1"), oid(curve)), tlv(3, bytes(0, first), new Uint8Array(size))));
  const ed = (hex: string): Key => {
    const key = new Uint8Array(Buffer.from(hex, "hex"));
    const signature = Uint8Array.from({ length: 64 }, (_, index) => (index === 0 ? 1 : 0));
    const signer = { algorithm: seq(oid("1.3.101.112")), sign: () => signature };
    return { spki: seq(seq(oid("1.3.101.112")), tlv(3, bytes(0), key)), signer, id: bytes(1) };
  };
  for (const [title, key] of [
    ["a point off the curve", point("1.2.840.10045.3.1.7", 64)],
    ["a compressed point", point("1.2.840.10045.3.1.7", 32, 2)],
    ["P-224", point("1.3.132.0.33", 56)],
    ["DSA", bareKey(seq(seq(oid("1.2.840.10040.4.1"), seq()), tlv(3, bytes(0), int(5))))],
    ["Ed25519 of small order", ed("01".padEnd(64, "0"))],
    ["Ed25519 that is not canonical", ed(`ee${"ff".repeat(30)}7f`)],
    ["Ed25519, another point", ed(`02${"ff".repeat(30)}7f`)],
  ] as const) {
    const anchor = ca("anchor", null, { key });
    row(`${title}, of a CA`, [server(anchor)], { anchors: [anchor] });
    row(`${title}, of a server`, [server(root, { key })]);
  }
  for (const [title, signature] of [
    ["trailing bytes", (der: Bytes) => concat(der, bytes(0))],
    ["a padded integer", () => seq(tlv(2, bytes(0, 1)), int(1))],
    ["zero", () => seq(int(0), int(0))],
    ["a huge integer", () => seq(tlv(2, new Uint8Array(40).fill(1)), int(1))],
    ["nothing", () => bytes()],
  ] as const) {
    row(`ECDSA signature with ${title}`, [server(root, { signature: signature(seq(int(1), int(1))) })]);
  }
  row("an unknown signature algorithm", [server(root, { innerAlgorithm: seq(oid("1.2.3.4")) })]);

  // Paths.
  row("an intermediate", [server(issuing), issuing]);
  row("an intermediate that is missing", [server(issuing)]);
  row("another root", [server(issuing), issuing], { anchors: [ca("another")] });
  row("another root of the same name", [server(issuing), issuing], { anchors: [ca("root")] });
  row("no anchors", [server(root)], { anchors: [] });
  row("nothing", []);
  row("garbage", [{ ...root, der: bytes(1, 2, 3) }]);
  row("a broken intermediate", [server(issuing), { ...issuing, der: issuing.der.subarray(0, -1) }]);
  row("the end entity twice", [server(issuing), server(issuing), issuing, issuing, root]);
  row(
    "seventeen certificates",
    Array.from({ length: 17 }, () => ({ ...root, der: bytes(0x30, 0) })),
  );
  row("depth 2 of 3", [server(issuing), issuing], { maxChainDepth: 2 });
  row("depth 1", [server(root)], { maxChainDepth: 1 });
  const selfSigned = mint({ subject: name(HOST), extensions: [ext.san(dns(HOST))] });
  row("a self-signed server", [selfSigned], { anchors: [selfSigned] });
  row("a self-signed server, copied", [mint({ subject: name(HOST), extensions: [ext.san(dns(HOST))] })], {
    anchors: [selfSigned],
  });
  const [one, two] = [ecKey(), ecKey()];
  const a = ca("a", { der: bytes(), subject: name("b"), key: two }, { key: one });
  const b = ca("b", { der: bytes(), subject: name("a"), key: one }, { key: two });
  row("a loop", [server(a), a, b]);
  const old = ca("issuing", root, { key: issuing.key, notAfter: NOW - DAY, notBefore: NOW - 2 * DAY });
  row("an expired copy beside", [server(issuing), old, issuing]);
  row("an expired intermediate", [server(issuing), old]);
  row("an expired root", [server(root)], { nowMs: NOW + 31 * DAY });
  row("before its time", [server(root, { notBefore: NOW + DAY })]);
  row("a clock without a time", [server(root)], { nowMs: Number.NaN });
  row("the last millisecond", [server(root, { notAfter: NOW })], { nowMs: NOW + 999 });
  row("one too many", [server(root, { notAfter: NOW })], { nowMs: NOW + 1000 });

  // Certificates in their places.
  const plain = (subject: string, ...extensions: readonly Bytes[]): Minted =>
    mint({ subject: name(subject), extensions }, root);
  const under = (title: string, issuer: Minted, more: Parameters<typeof server>[1] = {}): void =>
    row(title, [server(issuer, more), issuer]);
  under("an issuer without basicConstraints", plain("no CA", ext.keyUsage(0x06)));
  under("an issuer that is no CA", plain("no CA", ext.notCa()));
  under("an issuer without keyCertSign", plain("silent", ext.ca(), ext.keyUsage(0x80)));
  under("an issuer for clients", ca("clients", root, { extensions: [ext.eku(CLIENT_AUTH)] }));
  under("an issuer for every purpose", ca("any", root, { extensions: [ext.eku("2.5.29.37.0")] }));
  const purposeful = ca("purposeful", null, { extensions: [ext.eku(CLIENT_AUTH, SERVER_AUTH)] });
  row("a root with purposes", [server(purposeful)], { anchors: [purposeful] });
  const forClients = ca("for clients", null, { extensions: [ext.eku(CLIENT_AUTH)] });
  row("a root for clients", [server(forClients)], { anchors: [forClients] });
  const short = ca("short", root, { pathLength: 0 });
  under("a path length that suffices", short);
  const deep = ca("deep", short);
  row("a path length that does not", [server(deep), deep, short]);
  for (const [title, more] of [
    ["for clients", { purposes: [CLIENT_AUTH] }],
    ["for any purpose too", { purposes: [SERVER_AUTH, "2.5.29.37.0"] }],
    ["for any purpose alone", { purposes: ["2.5.29.37.0"] }],
    ["without purposes", { purposes: [] }],
    ["for key agreement", { usage: 0x08 }],
    ["that may sign certificates", { usage: 0x84 }],
    ["with nameConstraints", { extensions: [ext.constraints([dns("a")])] }],
    ["that is a CA", { extensions: [ext.ca()] }],
    ["with an unknown critical extension", { extensions: [extension("1.3.6.1.4.1.55738.1", true, bytes(5, 0))] }],
    ["with an extension twice", { extensions: [ext.san(dns(HOST))] }],
    ["with two thousand and one names", { names: Array.from({ length: 2001 }, () => dns("a")) }],
    ["of version 1", { version: bytes(), rawExtensions: bytes() }],
    ["with another algorithm outside", { outerAlgorithm: seq(oid("1.2.840.10045.4.3.3")) }],
    ["with an empty issuer", { issuerName: seq() }],
    ["with an impossible date", { validity: seq(text(0x17, "260230120000Z"), text(0x17, "270101000000Z")) }],
    ["with a name PKI.js cannot read", { subject: seq(tlv(0x31, seq(oid("2.5.4.3"), text(0x18, "no time")))) }],
    [
      "with a name of every string type",
      {
        subject: seq(
          ...[
            [0x0c, "a"],
            [0x13, "b"],
            [0x14, "c"],
            [0x16, "d"],
          ].map(([tag, value]) => tlv(0x31, seq(oid("2.5.4.10"), text(Number(tag), String(value))))),
          tlv(0x31, seq(oid("2.5.4.11"), tlv(0x1e, bytes(0, 0x65, 0x04, 0x16)))),
          tlv(0x31, seq(oid("2.5.4.11"), utf8("\u{e9}\u{1f600} \u{df} \u{130}"))),
        ),
      },
    ],
  ] as const satisfies readonly (readonly [string, Parameters<typeof server>[1]])[]) {
    row(`a server ${title}`, [server(root, more)]);
  }

  // Names.
  const anyName = [
    dns("*.example.com"),
    email("user@example.com"),
    uri("spiffe://example.com/backend"),
    ip(10, 0, 0, 1),
    tlv(0x87, new Uint8Array(15), bytes(1)),
    dirName(name("server")),
    tlv(0x88, bytes(0x2a)),
  ];
  for (const [type, value] of [
    ["dns", "backend.example.com"],
    ["dns", "BACKEND.example.COM"],
    ["dns", "a.b.example.com"],
    ["dns", "*.example.com"],
    ["dns", "example.com"],
    ["dns", "backend.example.com."],
    ["uri", "spiffe://example.com/backend"],
    ["uri", "spiffe://example.com/Backend"],
    ["ip", "10.0.0.1"],
    ["ip", "::1"],
    ["ip", "0:0:0:0:0:0:0:1"],
    ["rfc822", "user@EXAMPLE.com"],
    ["rfc822", "User@example.com"],
  ] as const) {
    row(`${type} ${value}`, [server(root, { names: anyName })], { identifiers: [{ type, value }] });
  }
  row("several identifiers", [server(root)], {
    identifiers: [
      { type: "uri", value: "x:y" },
      { type: "dns", value: HOST },
    ],
  });
  row("no identifiers", [server(root)], { identifiers: [] });
  row("a common name alone", [server(root, { names: [] })]);
  row("an international name", [server(root, { names: [tlv(0x82, utf8("b\u{fc}cher.example"))] })]);
  row("an A-label", [server(root, { names: [dns("xn--bcher-kva.example")] })], {
    identifiers: [{ type: "dns", value: "XN--bcher-kva.example" }],
  });

  // Name constraints.
  for (const [title, permitted, excluded] of [
    ["dNSName", [dns("example.com")], []],
    ["another dNSName", [dns("example.org")], []],
    ["excluded dNSName", [], [dns("x.example.com")]],
    ["iPAddress", [ip(10, 0, 0, 0, 255, 0, 0, 0), tlv(0x87, new Uint8Array(32))], []],
    ["excluded iPAddress", [], [ip(10, 0, 0, 0, 255, 0, 0, 0)]],
    ["mailbox", [email("example.com")], []],
    ["another mailbox", [email("root@example.com")], []],
    ["URI", [uri("example.com")], []],
    ["URI below", [uri(".example.com")], []],
    ["directoryName", [dirName(name("other"))], []],
    ["registeredID", [tlv(0x88, bytes(0x2a))], []],
    ["a dNSName with a dot before", [dns(".example.com")], []],
  ] as const) {
    const limited = ca("limited", root, { extensions: [ext.constraints(permitted, excluded)] });
    row(`constraint: ${title}`, [server(limited, { names: [dns(HOST), ...anyName] }), limited]);
    row(`constraint: ${title}, DNS names alone`, [server(limited), limited]);
  }

  // Policies.
  const requiring = ca("requiring", root, { extensions: [ext.policies("1.2.3"), ext.policyConstraints(0)] });
  under("a policy that is required", requiring, { extensions: [ext.policies("1.2.3")] });
  under("another policy than required", requiring, { extensions: [ext.policies("1.2.4")] });
  under("no policy where one is required", requiring);
  const mapping = ca("mapping", root, {
    extensions: [ext.policies("1.2.3"), ext.mappings(["1.2.3", "1.2.5"]), ext.policyConstraints(0)],
  });
  under("a mapped policy", mapping, { extensions: [ext.policies("1.2.5")] });
  under("a policy mapped from anyPolicy", ca("wild", root, { extensions: [ext.mappings(["2.5.29.32.0", "1.2.5"])] }));
  under(
    "anyPolicy inhibited",
    ca("inhibiting", root, { extensions: [ext.policies("2.5.29.32.0"), ext.inhibitAny(0), ext.policyConstraints(0)] }),
    { extensions: [ext.policies("2.5.29.32.0")] },
  );

  // Revocation and pins.
  const serial = int(4242);
  const revocable = [server(issuing, { serial }), issuing];
  row("CRLs", revocable, { crls: [crl(root), crl(issuing)] });
  row("no CRL of the issuer", revocable, { crls: [crl(root)] });
  row("a CRL that revokes", revocable, { crls: [crl(root), crl(issuing, { revoked: [serial] })] });
  row("a stale CRL", revocable, { crls: [crl(root), crl(issuing, { nextUpdate: NOW - DAY / 2 })] });
  row("a CRL from the future", revocable, { crls: [crl(root), crl(issuing, { thisUpdate: NOW + DAY / 2 })] });
  row("a CRL of another key", revocable, { crls: [crl(root), crl(issuing, { key: ecKey() })] });
  row("a CRL for CAs", revocable, {
    crls: [
      crl(root),
      crl(issuing, {
        extensions: [extension("2.5.29.20", false, int(7)), extension("2.5.29.28", true, seq(tlv(0x82, bytes(0xff))))],
      }),
    ],
  });
  row("an unreadable CRL", revocable, { crls: [crl(root), bytes(1, 2, 3)] });
  const mute = mint({ subject: name("mute"), extensions: [ext.ca(), ext.keyUsage(0x04)] }, root);
  row("a CA without cRLSign", [server(mute), mute], { crls: [crl(root), crl(mute)] });
  const edIssuer = ca("ed", null, { key: edKey() });
  row("a CRL of Ed25519", [server(edIssuer)], { anchors: [edIssuer], crls: [crl(edIssuer)] });
  const staple = (status: Bytes): Bytes => unsignedStaple(4242, status);
  row("a staple: good", revocable, { staple: staple(tlv(0x80)) });
  row("a staple: revoked", revocable, { staple: staple(tlv(0xa1, generalizedTime(NOW))) });
  row("a staple: garbage", revocable, { staple: bytes(1, 2) });
  const promising = [server(issuing, { serial: int(9), extensions: [tlsFeature(true, 5)] }), issuing];
  row("must-staple: none", promising);
  row("must-staple: good, by SHA-1", promising, { staple: signedStaple({ serial: 9, issuer: issuing }) });
  row("must-staple: good, by SHA-256", promising, {
    staple: signedStaple({ serial: 9, issuer: issuing, algorithm: "sha256", responder: byKey(issuing) }),
  });
  row("must-staple: another signer", promising, { staple: signedStaple({ serial: 9, issuer: issuing, signer: root }) });
  const renewed = ca("issuing", issuing);
  row("a CRL by a CA's new key", [...revocable, renewed], {
    crls: [crl(root), crl(issuing, { key: renewed.key })],
  });
  row("a pin of the issuer", revocable, { spkiPins: [base64(sha256(issuing.key.spki))] });
  row("a pin of nobody", revocable, { spkiPins: [base64(sha256(bytes(1)))] });
  row("a pin that is none", revocable, { spkiPins: ["not base64"] });

  // The profile strict.
  const strict = (title: string, chain: readonly Minted[], anchor = root): void =>
    row(`strict: ${title}`, chain, { profile: "strict", anchors: [anchor] });
  strict("good", [server(issuing), issuing]);
  strict("a root with purposes", [server(purposeful)], purposeful);
  for (const [title, spec] of [
    ["a common name that is no alternative name", { subject: name("other.example.com") }],
    ["a wildcard above a public suffix", { names: [dns(HOST), dns("*.co.uk")] }],
    ["serial number 0", { serial: int(0) }],
    ["a long serial number", { serial: tlv(2, new Uint8Array(21).fill(1)) }],
    ["no extKeyUsage", { purposes: [] }],
    ["an underscore", { names: [dns(HOST), dns("a_b.example.com")] }],
    ["an empty subject and a name that is not critical", { subject: seq() }],
    ["GeneralizedTime before 2050", { validity: seq(generalizedTime(NOW - DAY), generalizedTime(NOW + DAY)) }],
    ["RSA of 2050 bits", { key: rsaKey(2050) }],
  ] as const satisfies readonly (readonly [string, Partial<Spec> & Parameters<typeof server>[1]])[]) {
    strict(title, [server(root, spec)]);
  }
  const bare = (...extensions: readonly Bytes[]): Minted =>
    mint({ subject: name(HOST), extensions: [ext.eku(SERVER_AUTH), ext.san(dns(HOST)), ...extensions] }, root);
  strict("no AKI", [bare()]);
  strict("an AKI of another form", [bare(extension("2.5.29.35", false, seq(tlv(0x82, bytes(1)))))]);
  strict("a critical AKI", [bare(extension("2.5.29.35", true, seq(tlv(0x80, root.key.id))))]);
  strict("another AKI", [bare(ext.aki(bytes(1, 2)))]);
  strict("a critical SKI", [bare(ext.aki(root.key.id), extension("2.5.29.14", true, tlv(4, bytes(1))))]);
  strict(
    "a CA without keyUsage",
    [bare(ext.aki(root.key.id))],
    mint({ subject: name("root"), key: root.key, extensions: [ext.ca(), ext.ski(root.key.id)] }),
  );
  return rows;
}
