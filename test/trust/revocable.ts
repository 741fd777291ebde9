/** A chain of three whose end entity CRLs may revoke, and the parts of such lists. */
import { expect } from "vitest";
import { DAY, type Minted, NOW, ca, dirName, extension, server } from "../support/certificates.ts";
import { crl, crlNumber as number } from "../support/crls.ts";
import { type Bytes, bytes, int, seq, tlv, utcTime } from "../support/der.ts";
import { brief, policy, verdictOf } from "../support/verdicts.ts";

/** The anchor of every policy here. */
export const root = ca("root");
/** The CA whose lists are tried. */
export const issuing = ca("issuing", root);
/** The serial number of the end entity. */
export const SERIAL = 4711;
/** The end entity that is looked up. */
export const leaf = server(issuing, { serial: int(SERIAL) });

/** An encoded TRUE of an implicitly tagged BOOLEAN. */
export const FLAG = bytes(0xff);
/** The extension deltaCRLIndicator (RFC 5280 §5.2.4). */
export const delta = (base: number): Bytes => extension("2.5.29.27", true, int(base));
/** The extension cRLDistributionPoints (RFC 5280 §4.2.1.13). */
export const points = (...list: readonly Bytes[]): Bytes => extension("2.5.29.31", false, seq(...list));
/** A DistributionPointName of full names. */
export const fullName = (...names: readonly Bytes[]): Bytes => tlv(0xa0, tlv(0xa0, ...names));
/** The field indirectCRL of an issuingDistributionPoint. */
export const INDIRECT = tlv(0x84, FLAG);
/** The entry extension reasonCode (RFC 5280 §5.3.1). */
export const reason = (code: number): Bytes => extension("2.5.29.21", false, tlv(0x0a, bytes(code)));
/** The entry extension certificateIssuer (RFC 5280 §5.3.3). */
export const of = (issuer: Bytes): Bytes => extension("2.5.29.29", true, seq(dirName(issuer)));
/** An entry of revokedCertificates. */
export const entry = (serial: number, ...extensions: readonly Bytes[]): Bytes =>
  seq(int(serial), utcTime(NOW - DAY), extensions.length === 0 ? bytes() : seq(...extensions));
/** A list that revokes the end entity. */
export const revoked = { revoked: [int(SERIAL)] };

/** The anchor's list, which revokes nothing. */
export const ofRoot = crl(root);
/** The CA's complete list, which revokes nothing. */
export const complete = crl(issuing, { extensions: [number(7)] });

/** The brief verdict for a chain, with these lists beside that of the anchor. */
export async function under(crls: readonly Bytes[], chain: readonly Minted[] = [leaf, issuing]): Promise<string> {
  const anchors = [root];
  return brief(await verdictOf(policy(anchors, { crls: [ofRoot, ...crls] }), chain));
}

/** The brief verdict with two lists, on whose order it must not depend. */
export async function both(one: Bytes, other: Bytes, chain?: readonly Minted[]): Promise<string> {
  const [forth, back] = [await under([one, other], chain), await under([other, one], chain)];
  expect(forth).toBe(back);
  return forth;
}
