/** Rows about certificates in their places: what an issuer and an end entity must be. */
import {
  type Minted,
  CLIENT_AUTH,
  HOST,
  SERVER_AUTH,
  ca,
  dns,
  ext,
  extension,
  mint,
  name,
  server,
} from "../../support/certificates.ts";
import { type Bytes, bytes, oid, seq, text, tlv, utf8 } from "../../support/der.ts";
import type { RowSet } from "./row-set.ts";

/** Adds the rows. */
export function addPlaces({ root, row, under }: RowSet): void {
  const plain = (subject: string, ...extensions: readonly Bytes[]): Minted =>
    mint({ subject: name(subject), extensions }, root);
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
}
