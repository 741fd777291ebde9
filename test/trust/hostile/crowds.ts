/** Chains whose certificates may all have issued each other. */
import { type Add, MARK, rdn, times, wideRdn } from "./parts.ts";
import { type Minted, ca, server } from "../../support/certificates.ts";
import { type Bytes, bytes, concat, int, oid, seq, tlv, utf8 } from "../../support/der.ts";
import { bareKey, ecKey, edKey } from "../../support/keys.ts";

/** Adds chains of sixteen certificates, each of which may have issued every other. */
export function addCrowds(add: Add, impostor: Minted): void {
  const crowd = (title: string, make: (index: number) => Minted, leaf: Minted): void => {
    add(`crowd: ${title}`, [leaf, ...times(15, make)]);
  };
  const spkis = (title: string, spki: (index: number) => Bytes, more: Parameters<typeof server>[1] = {}): void => {
    const keys = times(15, (index) => ({ ...bareKey(spki(index)), id: impostor.key.id }));
    crowd(
      title,
      (index) => ca("anchor", impostor, { key: keys[index] ?? impostor.key }),
      server(impostor, { key: edKey(), ...more }),
    );
  };
  const rsa =
    (bits: number, exponent: Bytes) =>
    (index: number): Bytes => {
      const modulus = new Uint8Array(bits / 8).fill(0xff);
      modulus[bits / 16] = index;
      return seq(
        seq(oid("1.2.840.113549.1.1.1"), bytes(5, 0)),
        tlv(3, bytes(0), seq(tlv(2, bytes(0), modulus), exponent)),
      );
    };
  const signed = (bits: number) => ({
    innerAlgorithm: seq(oid("1.2.840.113549.1.1.11"), bytes(5, 0)),
    signature: concat(bytes(0x7f), new Uint8Array(bits / 8 - 1).fill(0xfe)),
  });
  for (const bits of [2048, 4096, 8192]) {
    spkis(`RSA-${bits} of exponent 65,537`, rsa(bits, int(65_537)), signed(bits));
    spkis(`RSA-${bits} of exponent 2^32-1`, rsa(bits, int(2 ** 32 - 1)), signed(bits));
  }
  for (const curve of ["P-384", "P-521"] as const) {
    // Both numbers of the signature are in range, so that all of the verification runs.
    const forged = {
      innerAlgorithm: seq(oid("1.2.840.10045.4.3.4")),
      signature: seq(int(5), int(7)),
    };
    const points = times(15, () => ecKey(curve).spki);
    spkis(curve, (index) => points[index] ?? impostor.key.spki, forged);
  }
  const keys = times(15, edKey);
  crowd(
    "of one name, each signed by the next",
    (index) =>
      ca("anchor", { ...impostor, key: keys[index + 1] ?? impostor.key }, { key: keys[index] ?? impostor.key }),
    server({ ...impostor, key: keys[0] ?? impostor.key }, { key: edKey() }),
  );
  crowd(
    "of one name and key",
    (index) => ca("anchor", impostor, { key: impostor.key, pathLength: index }),
    server(impostor, { key: edKey() }),
  );
  const long = seq(...times(32, () => rdn("2.5.4.3", utf8(`A${MARK.repeat(30)}`))));
  crowd(
    "of one long name",
    () => ca("x", { ...impostor, subject: long }, { subject: long, key: edKey() }),
    server({ ...impostor, subject: long }, { key: edKey() }),
  );
  const cased = (index: number): Bytes =>
    seq(...times(32, (at) => rdn("2.5.4.3", utf8(`${at === index ? "a" : "A"}${MARK.repeat(30)}`))));
  crowd(
    "of one long name in 16 spellings",
    (index) => ca("x", { ...impostor, subject: cased(index + 16) }, { subject: cased(index), key: edKey() }),
    server({ ...impostor, subject: cased(31) }, { key: edKey() }),
  );
  const set = (index: number): Bytes =>
    seq(wideRdn((at) => `${at === index ? "a" : "A"}${String(at).padStart(2, "0")}`));
  crowd(
    "of one RDN of 32 attributes in 16 spellings",
    (index) => ca("x", { ...impostor, subject: set(31 - index) }, { subject: set(index), key: edKey() }),
    server({ ...impostor, subject: set(31) }, { key: edKey() }),
  );
}
