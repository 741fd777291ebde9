/** `npm run pkits`: its result for a suite, and for a ledger that is not true. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { NOW, ca, server } from "../support/certificates.ts";
import { crl } from "../support/crls.ts";
import { int } from "../support/der.ts";

const SCRIPT = resolve(import.meta.dirname, "../../scripts/pkits.ts");
let directory = "";

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "lasthop-pkits-"));
  const root = ca("root");
  const write = (name: string, der: Uint8Array): void => writeFileSync(join(directory, name), der);
  for (const folder of ["certs", "crls"]) mkdirSync(join(directory, folder));
  write("certs/root.crt", root.der);
  write("certs/good.crt", server(root).der);
  write("certs/bad.crt", server(root, { serial: int(5) }).der);
  write("crls/root.crl", crl(root, { revoked: [int(5)] }));
  const testcase = (id: string, endEntity: string, expected: string, more: object = {}): object => ({
    id,
    name: `case ${id}`,
    endEntity,
    intermediates: [],
    crls: ["root.crl"],
    expected,
    ...more,
  });
  const cases = [
    testcase("1", "good.crt", "SUCCESS"),
    testcase("2", "bad.crt", "FAILURE"),
    testcase("3", "bad.crt", "SUCCESS", { revocationOff: true }),
    testcase("4", "bad.crt", "SUCCESS"),
    testcase("5", "good.crt", "FAILURE", { initialPolicySettings: {} }),
  ];
  const suite = { validationTime: new Date(NOW).toISOString(), trustAnchor: "root.crt", cases };
  writeFileSync(join(directory, "cases.json"), JSON.stringify(suite));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** The exit code, the lines that begin with a word in capitals, and the last line. */
function run(ledger: object): { status: number | null; faults: string[]; last: string | undefined } {
  const file = join(directory, "ledger.json");
  writeFileSync(file, JSON.stringify(ledger));
  const { status, stdout } = spawnSync(process.execPath, [SCRIPT, directory, "--ledger", file], { encoding: "utf8" });
  const lines = stdout.trimEnd().split("\n");
  return { status, faults: lines.filter((line) => /^[A-Z]/u.test(line)), last: lines.at(-1) };
}

const reason = "because";

it("passes when every disagreement is listed with its answer", () => {
  expect(run({ 4: { answer: "revoked", reason } })).toEqual({
    status: 0,
    faults: [],
    last: "3 of 4 agree, 1 disagreements listed, 0 not listed or stale",
  });
});
it.each<[string, object, string]>([
  ["is not listed", {}, "DISAGREES  4"],
  ["is listed with another answer", { 4: { answer: "expired", reason } }, "DISAGREES  4"],
  ["agrees by now", { 1: { answer: "revoked", reason }, 4: { answer: "revoked", reason } }, "STALE      1"],
  ["is not asked", { 4: { answer: "revoked", reason }, 5: { answer: "verified", reason } }, "STALE      5"],
])("fails when a case %s", (_, ledger, fault) => {
  const { status, faults } = run(ledger);
  expect({ status, faults }).toEqual({ status: 1, faults: [expect.stringContaining(fault)] });
});
