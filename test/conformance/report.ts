/** The result of a run of the suite: its counts, and the report and feature table of docs/conformance. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

interface Run {
  /** The suite's version. */
  readonly suite: string;
  /** The lines of the suite's verbose output. */
  readonly lines: readonly string[];
  /** The suite's own report; null after a single test. */
  readonly report: string | null;
  /** The output of the program `features`, a table of each feature's tests; null where the suite has no such program. */
  readonly features: string | null;
  /** The version of lasthop. */
  readonly version: string;
  /** The directory for report and table; null writes neither. */
  readonly directory: string | null;
}

type Result = "PASS" | "FAIL" | "SKIP";

const RESULT: Readonly<Record<Result, string>> = { PASS: "passed", FAIL: "**failed**", SKIP: "skipped" };

/** Counts the results of a run, and writes report and table. A run that ends before its first test counts as one failure. */
export function writeReport({ suite, lines, report, features, version, directory }: Run): {
  passed: number;
  failed: number;
} {
  const results = new Map<string, Result>();
  for (const line of lines) {
    const [, result, name] = /^ {4}--- (PASS|FAIL|SKIP): TestConformance\/([^/ ]+) /.exec(line) ?? [];
    if (name !== undefined) results.set(name, result as Result);
  }
  // The suite as a whole fails when it ends before its first test.
  const suiteFailed = lines.some((line) => line.startsWith("--- FAIL: TestConformance ") || line.startsWith("panic:"));
  const count = (wanted: Result): number => [...results.values()].filter((result) => result === wanted).length;
  const failed = count("FAIL");
  const outcome = { passed: count("PASS"), failed: failed === 0 && suiteFailed ? 1 : failed };
  if (directory !== null && report !== null) {
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, `report-${suite}.yaml`), `${preface(suite)}${report}`);
    if (features !== null) writeFileSync(join(directory, "features.md"), table(features, results, suite, version));
  }
  return outcome;
}

/** The preface of every report: what the lab substitutes. */
function preface(suite: string): string {
  const gaps =
    suite === "1.7.0"
      ? `# Not an official result. The suite is v1.7.0 but for the echo servers' wire types, which are those of v1.6.1 (the
# module that v1.7.0 imports them from is not served by the Go module proxy), and the echo server is v1.6.1's.
`
      : `# Not an official result. The suite is the unmodified v${suite}.\n`;
  return `${gaps}# It ran in the lab of test/conformance: a real etcd, kube-apiserver and kube-controller-manager, a node that runs the
# echo servers as plain processes, no scheduler, kube-proxy, cluster DNS or LoadBalancer.
`;
}

function table(features: string, results: ReadonlyMap<string, Result>, suite: string, version: string): string {
  const rows = [...features.matchAll(/^\| (.+?) \| (\d+) \| (.+) \|$/gm)].flatMap(([, name = "", , tests = ""]) =>
    tests.split(", ").map((test) => {
      const result = results.get(test.replace(" (provisional)", ""));
      return `| ${name} | ${test} | ${result === undefined ? "not run" : RESULT[result]} |`;
    }),
  );
  const untested = /extended features without a test of their own: \[(.*)\]/.exec(features)?.[1] ?? "";
  return `# Features and their tests

Made by \`npm run conformance -- --write\` from a run of the suite v${suite} on ${version}. What the lab substitutes stands
at the head of [report-${suite}.yaml](report-${suite}.yaml); none of this is an official result.

| Feature of GATEWAY-HTTP | Test | Result |
| --- | --- | --- |
${rows.join("\n")}

Extended features of the profile without a test in the suite: ${untested}. lasthop claims ClusterTrustBundle and
GatewayListenerFilters, which have tests of their own (test/host/features.test.ts). It does not claim
GatewayAddressRoutability and its value Cluster: a Gateway is served on addresses that its operator chose, and lasthop
does not know from where they are reached. A Gateway that asks for a routability is refused with UnsupportedAddress.
`;
}
