/** Rows about names: identifiers of the policy, and name constraints. */
import { HOST, ca, dirName, dns, email, ext, ip, name, server, uri } from "../../support/certificates.ts";
import { bytes, tlv, utf8 } from "../../support/der.ts";
import type { RowSet } from "./row-set.ts";

/** Adds the rows. */
export function addNames({ root, row }: RowSet): void {
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
}
