/** Chains below a subordinate CA that the policy's CA signed and confined. */
import { type Add, ROOM, manyArcs, rdn, times, wideRdn } from "./parts.ts";
import {
  HOST,
  type Minted,
  SERVER_AUTH,
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
} from "../../support/certificates.ts";
import { type Bytes, bytes, concat, oid, seq, text, tlv, utf8 } from "../../support/der.ts";
import { edKey } from "../../support/keys.ts";

/** Adds chains of a subordinate CA of the policy's CA, and of what it signed. */
export function addVouchedFor(add: Add, anchor: Minted): void {
  const key = edKey();
  const under = (title: string, constraints: Bytes, names: readonly Bytes[], subject = name(HOST)): void => {
    const sub = ca("sub", anchor, { key, extensions: [constraints] });
    const leaf = server(sub, { key: edKey(), names: [dns(HOST), ...names], subject });
    for (const profile of ["private", "strict"] as const)
      add(`vouched for, ${profile}: ${title}`, [leaf, sub], { profile });
    const deep = ca("deep", sub, { key: edKey(), extensions: [constraints] });
    add(`vouched for, twice: ${title}`, [
      server(deep, { key: edKey(), names: [dns(HOST), ...names.slice(0, names.length / 2)] }),
      deep,
      sub,
    ]);
  };
  const excluded = (
    title: string,
    count: number,
    of: (index: number) => Bytes,
    many: number,
    named: (index: number) => Bytes,
  ): void => under(title, ext.constraints([], times(count, of)), times(many, named));
  excluded(
    "800 mailboxes by 800",
    800,
    (index) => email(`user-${index}@host.example.com`),
    800,
    (index) => email(`name-${index}@host.example.com`),
  );
  excluded(
    "230 mailboxes by 90",
    230,
    (index) => email(`user-${index}@host.example.com`),
    90,
    (index) => email(`name-${index}@host.example.com`),
  );
  excluded(
    "1,000 hosts by 1,000",
    1_000,
    (index) => dns(`h${index}.example.org`),
    1_000,
    (index) => dns(`n${index}.example.com`),
  );
  excluded(
    "1,000 hosts by 1,000 wildcards",
    1_000,
    (index) => dns(`h${index}.example.org`),
    1_000,
    (index) => dns(`*.n${index}.example.com`),
  );
  excluded(
    "120 long hosts by 120 long names",
    120,
    (index) => dns(`h${index}.${"a.".repeat(110)}org`),
    120,
    (index) => dns(`n${index}.${"a.".repeat(110)}org`),
  );
  excluded(
    "700 URI hosts by 700",
    700,
    (index) => uri(`h${index}.example.org`),
    700,
    (index) => uri(`https://n${index}.example.com/`),
  );
  excluded(
    "1,500 ranges by 2,000 addresses",
    1_500,
    (index) => ip(10, index >> 8, index & 255, 0, 255, 255, 255, 0),
    1_998,
    (index) => ip(11, 0, index >> 8, index & 255),
  );
  excluded(
    "600 IPv6 ranges by 1,000",
    600,
    (index) => tlv(0x87, concat(new Uint8Array(14), bytes(index >> 8, index & 255), new Uint8Array(16).fill(255))),
    1_000,
    () => tlv(0x87, new Uint8Array(16).fill(1)),
  );
  excluded(
    "900 directory names by 900",
    900,
    (index) => dirName(name(`h${index}`)),
    900,
    (index) => dirName(name(`n${index}`)),
  );
  const set = (index: number, letter: string): Bytes =>
    dirName(seq(wideRdn((at) => `${letter}${String(at).padStart(2, "0")}${index}`)));
  excluded(
    "60 directory names of one RDN of 32 attributes by 60",
    60,
    (index) => set(index, "a"),
    60,
    (index) => set(index, "b"),
  );
  excluded(
    "130 long directory names in another case by 130",
    130,
    (index) => dirName(name(`2.5.4.10=${"a".repeat(180)}`, `${index}`)),
    130,
    (index) => dirName(name(`2.5.4.10=${"A".repeat(180)}`, `x${index}`)),
  );
  excluded(
    "1,000 other names by 1,000",
    1_000,
    () => tlv(0xa0, oid("1.2.3"), tlv(0xa0, utf8("x"))),
    1_000,
    () => tlv(0x88, bytes(0x2a)),
  );
  const commonNames = (count: number): Bytes => name(...times(count, (index) => `n${index % 1_000}.example.com`));
  under(
    "30 common names by 1,300 names",
    ext.constraints([dns("example.com")]),
    times(1_300, (index) => dns(`n${index}.example.com`)),
    commonNames(30),
  );
  under(
    "32 addresses as common names by 1,900 addresses",
    ext.constraints([dns("example.com")]),
    times(1_900, (index) => ip(11, 0, index >> 8, index & 255)),
    name(...times(32, (index) => `11.0.7.${index + 70}`)),
  );
  const sub = ca("sub", anchor, { key });
  const leaf = (title: string, more: Parameters<typeof server>[1]): void => {
    const end = server(sub, { key: edKey(), ...more });
    for (const profile of ["private", "strict"] as const) add(`signed, ${profile}: ${title}`, [end, sub], { profile });
  };
  for (const tag of [1, 2, 3, 4, 6, 9, 13, 23, 24, 30, 48]) {
    leaf(`a value of type ${tag} and 56,000 octets`, {
      subject: seq(rdn("2.5.4.45", tlv(tag, manyArcs(tag)))),
    });
  }
  leaf("2,000 names", { names: times(2_000, (index) => dns(`n${index}.example.com`)) });
  leaf("8,000 purposes", { purposes: [SERVER_AUTH, ...times(8_000, (index) => `1.2.3.${index}`)] });
  leaf("a serial number of 60,000 octets", { serial: tlv(2, concat(bytes(1), new Uint8Array(ROOM))) });
  leaf("an unknown extension of 60,000 octets", { extensions: [extension("1.2.3.4", false, new Uint8Array(ROOM))] });
  leaf("27 unknown extensions", {
    extensions: times(27, (index) => extension(`1.2.3.${index}`, false, new Uint8Array(2_000))),
  });
  leaf("text", { subject: seq(rdn("2.5.4.3", text(0x13, "a".repeat(ROOM)))) });
  const mapped = ca("sub", anchor, {
    key,
    extensions: [
      ext.policies(...times(1_000, (index) => `1.2.3.${index}`)),
      ext.mappings(...times(2_000, (index) => [`1.2.3.${index % 1_000}`, `1.2.4.${index}`] as const)),
    ],
  });
  const twins = times(6, () =>
    ca("twin", mapped, { key: edKey(), extensions: [ext.policies(...times(100, (index) => `1.2.4.${index}`))] }),
  );
  add("vouched for: policies along six paths", [
    server({ ...mapped, subject: name("twin"), key: twins[0]?.key ?? key }, { key: edKey() }),
    ...twins,
    mapped,
  ]);
  const pathless = times(14, () =>
    ca("twin", anchor, {
      key,
      extensions: [
        ext.constraints(
          [],
          times(80, (index) => dns(`h${index}.example.org`)),
        ),
      ],
    }),
  );
  add("vouched for: fourteen paths, each under constraints", [
    server(
      { ...anchor, subject: name("twin"), key },
      { key: edKey(), names: times(500, (index) => dns(`n${index}.example.com`)) },
    ),
    ...pathless,
  ]);
}
