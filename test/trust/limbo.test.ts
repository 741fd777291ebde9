/** The limbo command on a small file of our own, and what docs/trust.md says of its waived rules. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { REFUSED_BY_CHOICE, WAIVED_UNDER_PRIVATE } from "../../scripts/limbo/judge.ts";
import { readLedger } from "../../scripts/limbo/ledger.ts";
import { HOST, type Minted, NOW, ca, dns, ext, extension, ip, mint, name, server } from "../support/certificates.ts";
import { crl } from "../support/crls.ts";
import { bytes, int, seq } from "../support/der.ts";
import { ecKey } from "../support/keys.ts";

const directory = mkdtempSync(join(tmpdir(), "lasthop-limbo-"));
afterAll(() => {
  rmSync(directory, { recursive: true });
});

const pem = (der: Uint8Array, label = "CERTIFICATE"): string =>
  `-----BEGIN ${label}-----\n${Buffer.from(der).toString("base64")}\n-----END ${label}-----\n`;

const root = ca("root");
const intermediate = ca("intermediate", root);

interface Extra {
  readonly name?: { kind: string; value: string } | null;
  readonly depth?: number;
  readonly crls?: readonly Uint8Array[];
  readonly kind?: string;
}

const testcase = (
  id: string,
  expected: "SUCCESS" | "FAILURE",
  chain: readonly Minted[],
  extra: Extra = {},
): object => ({
  id: `sample::${id}`,
  expected_result: expected,
  validation_kind: extra.kind ?? "SERVER",
  trusted_certs: [pem(root.der)],
  untrusted_intermediates: chain.slice(1).map(({ der }) => pem(der)),
  peer_certificate: pem(chain[0]?.der ?? bytes()),
  validation_time: new Date(NOW).toISOString(),
  expected_peer_name: extra.name === undefined ? { kind: "DNS", value: HOST } : extra.name,
  max_chain_depth: extra.depth ?? null,
  extended_key_usage: ["serverAuth"],
  crls: (extra.crls ?? []).map((der) => pem(der, "X509 CRL")),
  features: [],
});

const good = server(intermediate);
const agreed = [
  testcase("good", "SUCCESS", [good, intermediate]),
  testcase("missing", "FAILURE", [good]),
  testcase("nameless", "SUCCESS", [good, intermediate], { name: null }),
  testcase("depth-0", "FAILURE", [good, intermediate], { depth: 0 }),
  testcase("depth-1", "SUCCESS", [good, intermediate], { depth: 1 }),
  testcase("address", "SUCCESS", [server(root, { names: [dns(HOST), ip(192, 0, 2, 1)] })], {
    name: { kind: "IP", value: "192.0.2.1" },
  }),
  testcase("revoked", "FAILURE", [server(root, { serial: int(5) })], { crls: [crl(root, { revoked: [int(5)] })] }),
];

function run(cases: readonly object[], ...more: readonly string[]): { status: number; output: string } {
  const file = join(directory, `cases-${cases.length}.json.gz`);
  writeFileSync(file, gzipSync(JSON.stringify({ version: 1, testcases: cases })));
  try {
    const output = execFileSync(process.execPath, ["scripts/limbo.ts", file, ...more], {
      encoding: "utf8",
      stdio: "pipe",
    });
    return { status: 0, output };
  } catch (error) {
    if (error instanceof Error && "status" in error && "stdout" in error) {
      return { status: Number(error.status), output: String(error.stdout) };
    }
    throw error;
  }
}

describe("npm run limbo", () => {
  it.each(["private", "strict"])("agrees with good files under the profile %s", (profile) => {
    const { status, output } = run(agreed, "--profile", profile);
    expect(output).toContain("7 of 7 agree, 0 disagreements waived, 0 not waived");
    expect(status).toBe(0);
  });
  it("waives rules: what strict refuses for a waived one, and what docs/trust.md names", () => {
    const key = ecKey();
    const noAki = mint(
      { subject: name(HOST), key, extensions: [ext.eku("1.3.6.1.5.5.7.3.1"), ext.san(dns(HOST)), ext.ski(key.id)] },
      root,
    );
    const caAsLeaf = server(root, { extensions: [extension("2.5.29.19", true, seq(bytes(1, 1, 0xff)))] });
    const { status, output } = run([testcase("aki", "FAILURE", [noAki]), testcase("ca", "SUCCESS", [caAsLeaf])]);
    expect(output).toContain("waived (aki-missing)  false-accept  sample::aki");
    expect(output).toContain("waived (ca-as-end-entity)  false-reject  sample::ca");
    expect(status).toBe(0);
  });
  it.each([
    ["false-accept", testcase("x", "FAILURE", [good, intermediate])],
    ["false-reject", testcase("x", "SUCCESS", [good])],
    ["not asked", testcase("x", "FAILURE", [good, intermediate], { kind: "CLIENT" })],
    ["unsupported", testcase("x", "SUCCESS", [good, intermediate], { name: { kind: "OTHER", value: "x" } })],
  ])("exits 1 on any other disagreement, and on what it cannot ask: %s", (label, wrong) => {
    const { status, output } = run([...agreed, wrong]);
    expect(output).toContain("DISAGREES");
    expect(output).toContain(label);
    expect(status).toBe(1);
  });
  it("writes every outcome as JSON", () => {
    const out = join(directory, "out.json");
    run(agreed, "--json", out);
    expect(JSON.parse(readFileSync(out, "utf8"))).toMatchObject({ profile: "private", outcomes: { length: 7 } });
  });
  it("exits 2 on wrong usage", () => {
    expect(run(agreed, "--profile", "lax").status).toBe(2);
  });
});

describe("the ledger of known cases", () => {
  const file = join(directory, "ledger.txt");
  const waived = testcase("ca", "SUCCESS", [
    server(root, { extensions: [extension("2.5.29.19", true, seq(bytes(1, 1, 0xff)))] }),
  ]);
  const cases = [...agreed, waived];
  const kept = run(cases, "--ledger", file, "--update-ledger");
  const text = readFileSync(file, "utf8");
  const against = (changed: string, asked: readonly object[] = cases): { status: number; output: string } => {
    const other = join(directory, "changed-ledger.txt");
    writeFileSync(other, changed);
    return run(asked, "--ledger", other);
  };

  it("keeps the answers under both profiles, disagreements first", () => {
    expect(kept.status).toBe(0);
    expect(text.split("\n").filter((line) => line !== "" && !line.startsWith("#"))).toMatchObject({ length: 8 + 5 });
    const [disagreements = "", agreements = ""] = text.split("# Agreements");
    expect(disagreements).toContain("private=wrong-usage(ca-as-end-entity)@0");
    expect(agreements).not.toContain("private=wrong-usage");
    expect(text).toMatch(/FAILURE private=revoked@0 strict=revoked@0\n {2}revoked [0-9a-f]{8}\n/u);
  });
  it.each([
    ["all of them", cases],
    ["fewer", cases.slice(2, 4)],
  ])("is content when every known case answers as kept, in a file with %s", (_what, asked) => {
    const { status, output } = against(text, asked);
    expect(output).toContain(
      `${asked.length} of ${asked.length} cases are in the ledger, 0 of them answered otherwise`,
    );
    expect(status).toBe(0);
  });
  it.each([
    ["code", "expired@0"],
    ["position", "unknown-ca@1"],
    ["rule", "unknown-ca(aki-missing)@0"],
  ])("exits 1 when a refusal that agrees has another %s than kept", (_what, answer) => {
    const { status, output } = against(text.replace("private=unknown-ca@0", `private=${answer}`));
    expect(output).toContain(`CHANGED  sample::missing  kept ${answer}, now unknown-ca@0`);
    expect(output).toContain("7 of 8 agree, 1 disagreements waived, 0 not waived");
    expect(status).toBe(1);
  });
  it("exits 1 when a known case that agreed now disagrees by a waived rule, and the other way round", () => {
    const heading = "SUCCESS private=wrong-usage(ca-as-end-entity)@0 strict=wrong-usage(ca-as-end-entity)@0";
    const agreedOnce = against(text.replace(heading, "SUCCESS private=verified strict=verified"));
    expect(agreedOnce.output).toContain("CHANGED  sample::ca  kept verified, now wrong-usage(ca-as-end-entity)@0");
    expect(agreedOnce.status).toBe(1);
    const waivedOnce = against(text.replace("SUCCESS private=verified strict=verified", heading));
    expect(waivedOnce.output).toContain("CHANGED  sample::good  kept wrong-usage(ca-as-end-entity)@0, now verified");
    expect(waivedOnce.status).toBe(1);
  });
  it("leaves a case with other content to the rules, and keeps no disagreement that none waives", () => {
    const other = testcase("missing", "FAILURE", [server(intermediate, { serial: int(77) })]);
    const { status, output } = against(text.replace("private=unknown-ca@0", "private=expired@0"), [other]);
    expect(output).toContain("0 of 1 cases are in the ledger");
    expect(status).toBe(0);
    const target = join(directory, "refused-ledger.txt");
    const wrong = testcase("wrong", "FAILURE", [good, intermediate]);
    expect(run([wrong], "--ledger", target, "--update-ledger")).toMatchObject({ status: 1 });
    expect(readFileSync(target, "utf8")).not.toContain("wrong");
  });
  it("refuses a line it cannot read, and a case kept twice", () => {
    expect(against(`${text}\nsample FAILURE private=expired@0\n`).status).toBe(1);
    expect(against(`${text}${text}`).status).toBe(1);
  });
  it("as committed, holds no disagreement without a rule that waives it", () => {
    const ledger = readLedger("test/trust/limbo-ledger.txt");
    expect(ledger.size).toBeGreaterThan(4_000);
    const unexplained = [...ledger.values()].flatMap(({ id, expected, answers }) =>
      (["private", "strict"] as const).flatMap((profile) => {
        const answer = answers[profile];
        if ((answer === "verified") === (expected === "SUCCESS")) return [];
        const rules = answer === "verified" ? WAIVED_UNDER_PRIVATE : REFUSED_BY_CHOICE[profile];
        const rule = /\((?<rule>[a-z0-9-]+)\)/u.exec(answer === "verified" ? answers.strict : answer)?.groups?.["rule"];
        return [...rules].some((name) => name === rule) ? [] : [`${id} ${profile} ${answer}`];
      }),
    );
    expect(unexplained).toEqual([]);
  });
});

describe("docs/trust.md", () => {
  const manual = readFileSync("docs/trust.md", "utf8");
  it("names exactly the waived rules", () => {
    const section = manual.split("## Against x509-limbo")[1]?.split("## Refusal codes")[0] ?? "";
    const waived = section.split("\n").find((line) => line.startsWith("- `private` may accept"));
    const named = [...(waived ?? "").matchAll(/`([a-z0-9-]+)`/gu)]
      .map(([, rule]) => rule)
      .filter((rule) => rule !== "private" && rule !== "strict");
    expect(new Set(named)).toEqual(WAIVED_UNDER_PRIVATE);
    const chosen = [...REFUSED_BY_CHOICE.private, ...REFUSED_BY_CHOICE.strict];
    expect(chosen.filter((rule) => !section.includes(`- \`${rule}\` (`))).toEqual([]);
  });
});
