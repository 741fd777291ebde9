/** What `lasthop build` prints: diagnostics as text or JSON, and skipped objects. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { at, build, GOLDEN, good, refused } from "./build-directory.ts";

describe("reports", () => {
  test("JSON is one document on standard output", async () => {
    const { code, out, err } = await build("-f", "refused.yaml", "--format", "json");
    expect({ code, err }).toEqual({ code: 1, err: "" });
    const { diagnostics, skipped } = JSON.parse(out) as {
      diagnostics: { code: string; location: { line: number } }[];
      skipped: unknown[];
    };
    expect(diagnostics.map(({ code }) => code)).toContain("policy-ca-kind");
    expect(skipped).toEqual([]);
  });

  test("text names place, source line, object, field, expected, found and remedy", async () => {
    const { err } = await build("-f", join(GOLDEN, "policy-hostname.in.yaml"));
    expect(err).toContain("policy-hostname.in.yaml:276:15");
    expect(err).toContain("276 │     hostname: 10.0.0.1\n          ╵               ~~~~~~~~");
    const rows = [
      "object    BackendTLSPolicy shop/dotted",
      "field     spec.validation.hostname",
      "expected  a DNS name",
      'found     "10.0.0.1"',
      "remedy    use the DNS name",
    ];
    expect(rows.filter((row) => !err.includes(row))).toEqual([]);
  });

  test("no input, and no file's name, reaches the terminal as a control sequence", async () => {
    const name = "\u001B[2Jx.yaml";
    writeFileSync(
      at(name),
      `${refused}\n---\n${JSON.stringify({ apiVersion: "a\u001B[2J/v1", kind: "K\u001B[2J", metadata: { name: "n\u009B2J" } })}\n`,
    );
    const { code, err } = await build("-f", name);
    expect(code).toBe(1);
    expect(err).toContain("Skipped 1 object");
    // eslint-disable-next-line no-control-regex
    expect(err).not.toMatch(/[\u001B\u009B]/);
  });

  test("skipped objects are listed", async () => {
    writeFileSync(
      at("more.yaml"),
      `${good}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web, namespace: shop }\n`,
    );
    const { code, err } = await build("-f", "more.yaml");
    expect(code).toBe(0);
    expect(err).toContain("apps/v1 Deployment shop/web");
  });
});
