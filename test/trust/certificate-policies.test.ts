/** Certificate policies: RFC 5280 §6.1.2 to §6.1.5 with the initial set anyPolicy. */
import { describe, expect, it } from "vitest";
import { ca, ext, extension, server } from "../support/certificates.ts";
import { type Bytes, int, oid, seq } from "../support/der.ts";
import { check } from "../support/verdicts.ts";

const ANY = "2.5.29.32.0";
const [P, Q, R] = ["1.2.3.1", "1.2.3.2", "1.2.3.3"];
const root = ca("root");

/** The verdict for a path from the anchor over two CAs, with these extensions, to the end entity. */
async function path(
  one: readonly Bytes[],
  two: readonly Bytes[],
  leaf: readonly Bytes[],
  anchor = root,
): Promise<string> {
  const first = ca("one", anchor, { extensions: one });
  const second = ca("two", first, { extensions: two });
  return check(anchor, server(second, { extensions: leaf }), second, first);
}

const FAILS = /^policy-constraint@/u;
const explicit = ext.policyConstraints(0);

describe("requireExplicitPolicy", () => {
  it.each<[string, readonly Bytes[], readonly Bytes[], readonly Bytes[], boolean]>([
    ["is not required by default", [], [], [], true],
    ["holds with one policy all the way", [explicit, ext.policies(P)], [ext.policies(P)], [ext.policies(P)], true],
    ["fails without policies", [explicit], [], [], false],
    ["fails when the end entity has none", [explicit, ext.policies(P)], [ext.policies(P)], [], false],
    ["fails when a CA has none", [explicit, ext.policies(P)], [], [ext.policies(P)], false],
    ["fails with different policies", [explicit, ext.policies(P)], [ext.policies(P)], [ext.policies(Q)], false],
    ["holds through anyPolicy of a CA", [explicit, ext.policies(ANY)], [ext.policies(ANY)], [ext.policies(Q)], true],
    [
      "holds with anyPolicy of the end entity",
      [explicit, ext.policies(P)],
      [ext.policies(P)],
      [ext.policies(ANY)],
      true,
    ],
    [
      "holds when one of several survives",
      [explicit, ext.policies(P, Q)],
      [ext.policies(Q, R)],
      [ext.policies(R, Q)],
      true,
    ],
    ["waits for more certificates than follow", [ext.policyConstraints(3)], [], [], true],
    ["takes effect at the end entity", [ext.policyConstraints(2)], [], [], false],
    ["takes effect before it", [ext.policyConstraints(1)], [], [], false],
    ["holds for the end entity's own", [], [], [explicit], false],
    [
      "is not lifted by a later, longer skip",
      [explicit, ext.policies(P)],
      [ext.policyConstraints(5), ext.policies(P)],
      [],
      false,
    ],
  ])("%s", async (_, one, two, leaf, accepted) => {
    expect(await path(one, two, leaf)).toMatch(accepted ? /^verified$/u : FAILS);
  });
  it("counts on the anchor too", async () => {
    const anchor = ca("root", null, { extensions: [explicit] });
    expect(await path([], [], [], anchor)).toMatch(FAILS);
    expect(await path([ext.policies(P)], [ext.policies(P)], [ext.policies(P)], anchor)).toBe("verified");
    const only = ca("root", null, { extensions: [explicit, ext.policies(Q)] });
    expect(await path([ext.policies(P)], [ext.policies(P)], [ext.policies(P)], only)).toMatch(FAILS);
  });
  it("does not count self-issued certificates", async () => {
    const first = ca("one", root, { extensions: [ext.policyConstraints(2)] });
    const rolled = ca("one", first);
    expect(await check(root, server(rolled), rolled, first)).toBe("verified");
    const second = ca("two", first);
    expect(await check(root, server(second), second, first)).toMatch(FAILS);
  });
});

describe("inhibitAnyPolicy", () => {
  it.each<[string, readonly Bytes[], readonly Bytes[], readonly Bytes[], boolean]>([
    [
      "refuses anyPolicy at once",
      [explicit, ext.inhibitAny(0), ext.policies(P)],
      [ext.policies(ANY)],
      [ext.policies(P)],
      false,
    ],
    [
      "leaves real policies alone",
      [explicit, ext.inhibitAny(0), ext.policies(P)],
      [ext.policies(P)],
      [ext.policies(P)],
      true,
    ],
    [
      "waits for as many certificates as it skips",
      [explicit, ext.inhibitAny(1), ext.policies(P)],
      [ext.policies(ANY)],
      [ext.policies(P)],
      true,
    ],
    [
      "takes effect after them",
      [explicit, ext.inhibitAny(1), ext.policies(P)],
      [ext.policies(P)],
      [ext.policies(ANY)],
      false,
    ],
    ["means nothing while no policy is required", [ext.inhibitAny(0), ext.policies(P)], [ext.policies(ANY)], [], true],
  ])("%s", async (_, one, two, leaf, accepted) => {
    expect(await path(one, two, leaf)).toMatch(accepted ? /^verified$/u : FAILS);
  });
});

describe("policy mapping", () => {
  it.each<[string, readonly Bytes[], readonly Bytes[], readonly Bytes[], boolean]>([
    [
      "carries a policy over",
      [explicit, ext.policies(P), ext.mappings([P, Q])],
      [ext.policies(Q)],
      [ext.policies(Q)],
      true,
    ],
    [
      "leaves the old name behind",
      [explicit, ext.policies(P), ext.mappings([P, Q])],
      [ext.policies(P)],
      [ext.policies(P)],
      false,
    ],
    [
      "maps to several",
      [explicit, ext.policies(P), ext.mappings([P, Q], [P, R])],
      [ext.policies(R)],
      [ext.policies(R)],
      true,
    ],
    [
      "maps what anyPolicy covers",
      [explicit, ext.policies(ANY), ext.mappings([P, Q])],
      [ext.policies(Q)],
      [ext.policies(Q)],
      true,
    ],
    [
      "of an absent policy means nothing",
      [explicit, ext.policies(P), ext.mappings([R, Q])],
      [ext.policies(P)],
      [ext.policies(P)],
      true,
    ],
    [
      "is not looked at where it is inhibited and no policy is required",
      [ext.policyConstraints(null, 0)],
      [ext.policies(P), ext.mappings([P, Q])],
      [ext.policies(Q)],
      true,
    ],
    ["from anyPolicy refuses", [ext.mappings([ANY, Q])], [], [], false],
    ["to anyPolicy refuses", [ext.mappings([P, ANY])], [], [], false],
    ["without a required policy means nothing", [ext.mappings([P, Q])], [], [], true],
  ])("%s", async (_, one, two, leaf, accepted) => {
    expect(await path(one, two, leaf)).toMatch(accepted ? /^verified$/u : FAILS);
  });
  it("is inhibited from the next certificate on", async () => {
    const anchor = ca("root", null, { extensions: [ext.policyConstraints(0, 0)] });
    expect(await path([ext.policies(P), ext.mappings([P, Q])], [ext.policies(Q)], [ext.policies(Q)], anchor)).toMatch(
      FAILS,
    );
    const later = ca("root", null, { extensions: [ext.policyConstraints(0, 1)] });
    expect(await path([ext.policies(P), ext.mappings([P, Q])], [ext.policies(Q)], [ext.policies(Q)], later)).toBe(
      "verified",
    );
    expect(await path([ext.policies(P)], [ext.policies(P), ext.mappings([P, Q])], [ext.policies(Q)], later)).toMatch(
      FAILS,
    );
  });
});

it("processes the extensions, so they may be critical", async () => {
  const critical = extension("2.5.29.32", true, seq(seq(oid(P))));
  expect(await path([critical], [critical], [critical])).toBe("verified");
  expect(await path([extension("2.5.29.36", true, int(0))], [], [])).toBe("malformed@2");
});

describe("policy processing", () => {
  const requiring = ca("requiring", root, { extensions: [ext.policies("1.2.3"), ext.policyConstraints(0, 0)] });
  const extensions = [ext.policies("1.2.3"), ext.mappings(["1.2.3", "1.2.5"])];
  it.each(["1.2.3", "1.2.5"])("a mapping that is inhibited deletes its policy: %s", async (asserted) => {
    const mapping = ca("mapping", requiring, { extensions });
    const endEntity = server(mapping, { extensions: [ext.policies(asserted)] });
    expect(await check(root, endEntity, mapping, requiring)).toBe("policy-constraint@0");
  });
  it("a mapping that is allowed maps its policy", async () => {
    const allowing = ca("allowing", root, { extensions: [ext.policies("1.2.3"), ext.policyConstraints(0)] });
    const below = ca("below", allowing, { extensions });
    const mapped = server(below, { extensions: [ext.policies("1.2.5")] });
    expect(await check(root, mapped, below, allowing)).toBe("verified");
  });
  it("one pair with anyPolicy is enough to refuse", async () => {
    const mapping = ca("mapping", root, { extensions: [ext.mappings(["1.2.3", "1.2.4"], ["1.2.3", "2.5.29.32.0"])] });
    expect(await check(root, server(mapping), mapping)).toBe("policy-constraint@1");
  });
  it("anyPolicy that is inhibited stays allowed in self-issued CAs, not in the end entity", async () => {
    const any = ext.policies("2.5.29.32.0");
    const inhibiting = ca("inhibiting", root, { extensions: [any, ext.inhibitAny(0), ext.policyConstraints(0)] });
    const selfIssued = ca("inhibiting", inhibiting, { extensions: [any] });
    const of = (extensions: Parameters<typeof server>[1]): Promise<string> =>
      check(root, server(selfIssued, extensions), selfIssued, inhibiting);
    expect(await of({ extensions: [ext.policies("1.2.3")] })).toBe("verified");
    expect(await of({ extensions: [any] })).toBe("policy-constraint@0");
    const plain = ca("plain", inhibiting, { extensions: [any] });
    const endEntity = server(plain, { extensions: [ext.policies("1.2.3")] });
    expect(await check(root, endEntity, plain, inhibiting)).toBe("policy-constraint@1");
  });
});

it("policy mappings of an end entity decide nothing", async () => {
  const any = "2.5.29.32.0";
  const mapped = { extensions: [ext.policies("1.2.3"), ext.mappings([any, "1.2.3"])] };
  expect(await check(root, server(root, mapped))).toBe("verified");
  const middle = ca("middle", root, mapped);
  expect(await check(root, server(middle), middle)).toBe("policy-constraint@1");
});
