/** GeneralNames: which octets they may have, and how addresses are written. */
import { describe, expect, it } from "vitest";
import { formatIp } from "../../src/trust/x509/general-names.ts";
import { email, ext } from "../support/certificates.ts";
import { type Bytes, bytes, tlv } from "../support/der.ts";
import { whyNotParsed } from "../support/parsed.ts";

describe("a name", () => {
  it("of DNS is ASCII to the last octet", () => {
    const san = (...octets: readonly number[]): string =>
      whyNotParsed({ extensions: [ext.san(tlv(0x82, bytes(...octets)))] });
    expect(san(0x61, 0x7f)).toBe("parsed");
    expect(san(0x61, 0x80)).toBe("subjectAltName dNSName is not ASCII");
    expect(whyNotParsed({ extensions: [ext.san(email("a"), tlv(0x81, bytes(0x80)))] })).toMatch(/not ASCII/u);
  });
  it("that is an address is written as RFC 5952 writes them", () => {
    const v6 = (...groups: readonly number[]): Bytes =>
      Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255]));
    expect(formatIp(bytes(10, 0, 0, 1))).toBe("10.0.0.1");
    expect(formatIp(v6(0x2001, 0xdb8, 0, 0, 1, 0, 0, 1))).toBe("2001:db8::1:0:0:1");
    expect(formatIp(v6(0x2001, 0, 0, 1, 0, 0, 0, 1))).toBe("2001:0:0:1::1");
    expect(formatIp(v6(1, 0, 2, 3, 4, 5, 6, 7))).toBe("1:0:2:3:4:5:6:7");
    expect(formatIp(v6(1, 2, 3, 4, 5, 6, 0, 0))).toBe("1:2:3:4:5:6::");
    expect(formatIp(v6(0, 0, 0, 0, 0, 0, 0, 0))).toBe("::");
    expect(formatIp(bytes(10, 0, 0, 0, 255, 0, 0, 0))).toBe("10.0.0.0/255.0.0.0");
    expect(formatIp(new Uint8Array(32))).toBe("::/::");
  });
});
