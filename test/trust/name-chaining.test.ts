/** What a chain gains, or does not gain, by names that nearly are one: issuers, self-issued CAs, name constraints. */
import { describe, expect, it } from "vitest";
import { HOST, ca, dirName, ext, name, server } from "../support/certificates.ts";
import { type Bytes, bytes, oid, seq, text, tlv, utf8 } from "../support/der.ts";
import { check } from "../support/verdicts.ts";

const CN = "2.5.4.3";
const O = "2.5.4.10";

/** A Name of one common name. */
const cn = (value: Bytes): Bytes => seq(tlv(0x31, seq(oid(CN), value)));

describe("a chain", () => {
  const root = ca("root");
  it("by two names that a NUL would make one is not self-issued", async () => {
    const limited = ca("A", root, { subject: name("A", `${O}=B`), pathLength: 0 });
    const subject = cn(utf8(`A\0${O}='B`));
    const below = ca("A", limited, { subject });
    expect(await check(root, server(below), below, limited)).toBe("path-too-long@2");
  });
  it.each(["A\0", "A\u00ad", "A\u200b"])("by a character that may be nothing is not self-issued: %j", async (value) => {
    const limited = ca("A", root, { pathLength: 0 });
    const below = ca("A", limited, { subject: cn(utf8(value)) });
    expect(await check(root, server(below), below, limited)).toBe("path-too-long@2");
  });
  it.each([
    ["the case", "Evil", "EVIL"],
    ["a soft hyphen", "Evil", "Ev\u00adil"],
    ["a NUL", "Evil", "Evil\0"],
    ["1,100 spaces", "Evil", `Evil${" ".repeat(1100)}`],
    ["marks without end", "Evil", `Evil${"\u0301".repeat(40)}`],
  ])("does not leave an excluded directory name by %s", async (_, excluded, presented) => {
    const limited = ca("limited", root, { extensions: [ext.constraints([], [dirName(name(`${O}=${excluded}`))])] });
    const subject = name(`${O}=${presented}`, HOST);
    expect(await check(root, server(limited, { subject }), limited)).toBe("name-constraint@0");
    const fine = { subject: name(`${O}=Good`, HOST) };
    expect(await check(root, server(limited, fine), limited)).toBe("verified");
  });
  it("does not enter a permitted directory name by a character that may be nothing", async () => {
    const limited = ca("limited", root, { extensions: [ext.constraints([dirName(name(`${O}=Team`))])] });
    const of = (value: string): Promise<string> =>
      check(root, server(limited, { subject: name(`${O}=${value}`, HOST) }), limited);
    expect(await of("TEAM")).toBe("verified");
    expect(await of("Te\u00adam")).toBe("name-constraint@0");
  });
  it("finds an issuer whose name is written in another type and case", async () => {
    const issuing = ca("Issuing", root);
    const leaf = server(issuing, { issuerName: cn(text(0x13, "ISSUING ")) });
    expect(await check(root, leaf, issuing)).toBe("verified");
    const under = server(root, { issuerName: cn(text(0x13, "ROOT")) });
    expect(await check(root, under)).toBe("verified");
  });
  it("finds an issuer by the bytes of a name that has no form for comparison", async () => {
    const odd = cn(utf8(`x${"\u0301".repeat(40)}`));
    const anchor = ca("odd", null, { subject: odd });
    expect(await check(anchor, server(anchor))).toBe("verified");
    const issuing = ca("odd", root, { subject: odd });
    expect(await check(root, server(issuing), issuing)).toBe("verified");
  });
  it("folds no name of a certificate that only stands beside", async () => {
    const issuing = ca("issuing", root);
    const beside = ca("beside", root, { subject: name(`${O}=${"\u0301".repeat(400)}`) });
    expect(await check(root, server(issuing), beside, issuing)).toBe("verified");
  });
});

describe("an end entity with its CA's subject and key", () => {
  it("is issued by that CA, as an anchor", async () => {
    const root = ca("one");
    const leaf = server(root, { subject: root.subject, key: root.key });
    expect(await check(root, leaf)).toBe("verified");
    expect(await check(root, leaf, root)).toBe("verified");
  });
  it("is issued by that CA, as an intermediate", async () => {
    const root = ca("root");
    const issuing = ca("one", root);
    const leaf = server(issuing, { subject: issuing.subject, key: issuing.key });
    expect(await check(root, leaf, issuing)).toBe("verified");
    expect(await check(ca("other"), leaf, issuing)).toBe("unknown-ca@1");
  });
  it("is no issuer itself, and CAs of one subject and key still make no loop", async () => {
    const root = ca("root");
    const self = server(root, { subject: name("one") });
    const issued = server(self, { subject: self.subject, key: self.key });
    expect(await check(root, issued, self)).toBe("unknown-ca@0");
    const [one, other] = [ca("one"), ca("other")];
    const crossed = [
      ca("one", other, { key: one.key, serial: bytes(2, 1, 7) }),
      ca("other", one, { key: other.key }),
      ca("one", one, { key: one.key }),
    ];
    expect(await check(root, server(one, { subject: one.subject, key: one.key }), ...crossed)).toBe("unknown-ca@2");
  });
});
