/** Rows under the profile strict. */
import {
  type Minted,
  type Spec,
  CLIENT_AUTH,
  DAY,
  HOST,
  NOW,
  SERVER_AUTH,
  ca,
  dns,
  ext,
  extension,
  mint,
  name,
  server,
} from "../../support/certificates.ts";
import { type Bytes, bytes, generalizedTime, int, seq, tlv } from "../../support/der.ts";
import { rsaKey } from "../../support/keys.ts";
import type { RowSet } from "./row-set.ts";

/** Adds the rows. */
export function addStrict({ root, issuing, row }: RowSet): void {
  const strict = (title: string, chain: readonly Minted[], anchor = root): void =>
    row(`strict: ${title}`, chain, { profile: "strict", anchors: [anchor] });
  strict("good", [server(issuing), issuing]);
  const purposeful = ca("purposeful", null, { extensions: [ext.eku(CLIENT_AUTH, SERVER_AUTH)] });
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
}
