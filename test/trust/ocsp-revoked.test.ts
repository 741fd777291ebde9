/** What an OCSP response says of one serial number, without regard to its signature: revoked or nothing. */
import { describe, expect, it } from "vitest";
import { parseOcspRevoked } from "../../src/trust/revocation/ocsp-revoked.ts";
import { NOW } from "../support/certificates.ts";
import { type Bytes, bytes, concat, generalizedTime, int, oid, seq, tlv } from "../support/der.ts";

const NULL = bytes(5, 0);
const ECDSA = seq(oid("1.2.840.10045.4.3.2"));

describe("an OCSP response", () => {
  const serial = bytes(5);
  const id = seq(seq(oid("1.3.14.3.2.26")), tlv(4), tlv(4), int(5));
  const single = seq(id, tlv(0xa1, generalizedTime(NOW)), generalizedTime(NOW));
  const data = (...before: readonly Bytes[]): Bytes =>
    seq(...before, tlv(0xa2, tlv(4)), generalizedTime(NOW), seq(single));
  const basic = (tbs = data()): Bytes => seq(tbs, ECDSA, tlv(3, bytes(0)));
  const typed = (body: Bytes, type = "1.3.6.1.5.5.7.48.1.1", tail = bytes()): Bytes =>
    seq(oid(type), tlv(4, body), tail);
  const response = (field: Bytes, status = 0, tail = bytes()): Bytes => seq(tlv(0x0a, bytes(status)), field, tail);
  const answer = (der: Bytes): string | boolean => {
    const parsed = parseOcspRevoked(der, serial);
    return parsed.kind === "parsed" ? parsed.value : parsed.why;
  };

  it("is read whole", () => {
    expect(answer(response(tlv(0xa0, typed(basic()))))).toBe(true);
    expect(answer(response(tlv(0xa0, typed(basic(data(tlv(0xa0, int(0))))))))).toBe(true);
    expect(answer(response(tlv(0xa0, typed(basic())), 0, NULL))).toBe("OCSPResponse has trailing bytes");
    expect(answer(response(tlv(0xa0, typed(basic()), NULL)))).toBe("responseBytes has trailing bytes");
    expect(answer(response(tlv(0xa0, typed(basic(), undefined, NULL))))).toBe("responseBytes has trailing bytes");
    expect(answer(response(tlv(0xa0, typed(concat(basic(), NULL)))))).toBe("BasicOCSPResponse has trailing bytes");
    const long = seq(seq(seq(oid("1.3.14.3.2.26")), tlv(4), tlv(4), int(5), NULL), tlv(0x80), generalizedTime(NOW));
    const more = seq(tlv(0xa2, tlv(4)), generalizedTime(NOW), seq(long));
    expect(answer(response(tlv(0xa0, typed(basic(more)))))).toBe("certID has trailing bytes");
  });
  it("says nothing without success, without contents, or of another type", () => {
    expect(answer(response(tlv(0xa0, typed(basic())), 6))).toBe(false);
    expect(answer(response(bytes()))).toBe(false);
    expect(answer(response(bytes(), 6))).toBe(false);
    expect(answer(response(tlv(0xa0, typed(basic(), "1.2.3"))))).toBe(false);
    expect(answer(response(tlv(0xa0, typed(bytes(1, 2, 3), "1.2.3"))))).toBe(false);
  });
});
