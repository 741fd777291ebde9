/** End entities of a backend that nobody vouches for. */
import { type Add, MARK, ROOM, manyArcs, rdn, times } from "./parts.ts";
import {
  type Minted,
  SERVER_AUTH,
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
import { type Bytes, bytes, concat, oid, seq, tlv, utf8 } from "../../support/der.ts";
import { edKey } from "../../support/keys.ts";

/** Adds chains of one end entity whose issuer has the name of the policy's CA: it is read, and one signature is tried. */
export function addStrangers(add: Add, impostor: Minted): void {
  const key = edKey();
  const leaf = (title: string, more: Parameters<typeof server>[1]): void => {
    add(`stranger: ${title}`, [server(impostor, { key, ...more })]);
    add(`stranger, strict: ${title}`, [server(impostor, { key, ...more })], { profile: "strict" });
  };
  const subject = (title: string, ...rdns: readonly Bytes[]): void => leaf(title, { subject: seq(...rdns) });
  subject("one value of marks", rdn("2.5.4.3", utf8(MARK.repeat(ROOM / 2))));
  subject("32 values of marks", ...times(32, () => rdn("2.5.4.3", utf8(MARK.repeat(900)))));
  subject("64 values at the limit", ...times(32, () => rdn("2.5.4.3", utf8(`A${MARK.repeat(30)}`.repeat(16)))));
  subject("values that expand 18 times", ...times(32, () => rdn("2.5.4.3", utf8("\ufdfa".repeat(340)))));
  for (const tag of [1, 2, 3, 4, 5, 6, 9, 10, 13, 12, 18, 19, 20, 22, 23, 24, 25, 26, 27, 28, 30, 48]) {
    subject(`a value of type ${tag} and 56,000 octets`, rdn("2.5.4.45", tlv(tag, manyArcs(tag))));
  }
  subject(
    "an attribute type of 63 octets, 32 times",
    ...times(32, () => tlv(0x31, seq(tlv(6, concat(new Uint8Array(62).fill(0xff), bytes(1))), utf8("x")))),
  );
  const names = (title: string, count: number, of: (index: number) => Bytes): void =>
    leaf(title, { names: times(count, of) });
  names("30,000 empty names", 30_000, () => dns(""));
  names("2,000 names", 2_000, (index) => dns(`${index}.host.example.com`));
  names("2,000 wildcards", 2_000, (index) => dns(`*.${index}.host.example.com`));
  names("235 names of 253 octets", 235, (index) => dns(`${index}.${"a.".repeat(110)}example.com`));
  names("1,900 directory names of one attribute", 1_900, (index) => dirName(name(`${index}`)));
  names("a name of 60,000 octets", 1, () => dns("a".repeat(ROOM)));
  names("a name of 30,000 labels", 1, () => dns("a.".repeat(ROOM / 2)));
  names("30,000 URIs", 20_000, () => uri("a"));
  names("2,000 mailboxes", 2_000, (index) => email(`user-${index}@host.example.com`));
  names("9,900 addresses", 9_900, () => ip(10, 0, 0, 2));
  names("other names in other names", 1_000, () => tlv(0xa0, oid("1.2.3"), tlv(0xa0, seq(seq(seq(seq(seq())))))));
  const last = (title: string, value: Bytes): void => leaf(title, { extensions: [value] });
  last("8,000 policies", ext.policies(...times(8_000, (index) => `1.2.3.${index}`)));
  last(
    "1,000 policies of one arc of 60 octets",
    extension(
      "2.5.29.32",
      false,
      seq(
        ...times(950, (index) =>
          seq(tlv(6, concat(bytes(0x2a), new Uint8Array(58).fill(0xff), bytes(0x80 | (index >> 7), index & 127)))),
        ),
      ),
    ),
  );
  last("5,000 mappings", ext.mappings(...times(5_000, (index) => ["1.2.3", `1.2.4.${index}`] as const)));
  last(
    "2,000 distribution points",
    extension(
      "2.5.29.31",
      false,
      seq(...times(2_000, (index) => seq(tlv(0xa0, tlv(0xa0, uri(`http://c.example/${index}`)))))),
    ),
  );
  last(
    "2,000 accesses",
    extension(
      "1.3.6.1.5.5.7.1.1",
      false,
      seq(...times(2_000, () => seq(oid("1.3.6.1.5.5.7.48.1"), uri("http://o.example")))),
    ),
  );
  last("2,000 name constraints", ext.constraints(times(2_000, (index) => dns(`h${index}.example.com`))));
  last(
    "qualifiers of 20,000 elements",
    extension("2.5.29.32", false, seq(seq(oid("1.2.3"), seq(...times(20_000, () => bytes(5, 0)))))),
  );
  last(
    "an unknown extension of 20,000 elements",
    extension("1.2.3.4", false, seq(...times(20_000, () => bytes(5, 0)))),
  );
  leaf("8,000 purposes", { purposes: [SERVER_AUTH, ...times(8_000, (index) => `1.2.3.${index}`)] });
  leaf("32 extensions of 63-octet types", {
    extensions: times(27, (index) => extension(`1.2.840.${2 ** 40 + index}.${index}`, false, seq())),
  });
  leaf("a unique identifier of 60,000 octets", { uniqueIds: tlv(0x81, new Uint8Array(ROOM)) });
  leaf("a serial number of 60,000 octets", { serial: tlv(2, concat(bytes(1), new Uint8Array(ROOM))) });
  leaf("a signature of 60,000 octets", { signature: new Uint8Array(ROOM) });
}
