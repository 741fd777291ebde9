/**
 * `npm run h2spec`: h2spec (https://github.com/summerwind/h2spec) against the listeners of `serve`, over TLS and with
 * prior knowledge. Each failing case stands with its reason in ledger.ts: exit 1 when another one fails, when one fails
 * in another way, or when one that stands there passes. Needs Go, which builds h2spec from tool/go.mod.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Front, startFront } from "./front.ts";
import { KNOWN_FAILURES, type KnownFailure, type Transport } from "./ledger.ts";

/** The number of cases: a run that ends early must not pass. */
const CASES = 145;
/** The time that h2spec waits for a frame. A case that only waited in vain is run again: the machine may be busy. */
const WAIT_S = 2;
const LONG_WAIT_S = 10;

const HOME = resolve(import.meta.dirname, "../../.lasthop/h2spec");
const TOOL = join(import.meta.dirname, "tool");

const CASE =
  /<testcase package="(?<section>[^"]*)" classname="(?<title>[^"]*)"[^>]*>\s*(?:<(?:error|failure)>(?<said>[^<]*)<)?/gu;

interface Case {
  readonly name: string;
  /** The section as h2spec takes it on its command line: `http2/5.1`. */
  readonly section: string;
  /** What h2spec saw in place of what it expects; null for a case that passes. */
  readonly actual: string | null;
}

const tool = build();
const front = await startFront();
let failed = false;
try {
  for (const transport of ["tls", "h2c"] as const) failed = !(await check(transport, front)) || failed;
} finally {
  await front.close();
}
process.exit(failed ? 1 : 0);

/** Builds h2spec as tool/go.mod pins it, from the Go module proxy. */
function build(): string {
  mkdirSync(HOME, { recursive: true });
  const file = join(HOME, "h2spec");
  const env = { ...process.env, GOTOOLCHAIN: "local", GOFLAGS: "-mod=readonly" };
  execFileSync("go", ["build", "-o", file, "github.com/summerwind/h2spec/cmd/h2spec"], {
    cwd: TOOL,
    env,
    stdio: ["ignore", "inherit", "inherit"],
  });
  return file;
}

/** Runs all of h2spec over one transport and compares the results with the ledger. */
async function check(transport: Transport, { tls, h2c }: Front): Promise<boolean> {
  const port = transport === "tls" ? ["--tls", "--insecure", "--port", `${tls}`] : ["--port", `${h2c}`];
  const first = await ask(port, WAIT_S, []);
  const listed = KNOWN_FAILURES.filter(({ transports }) => transports.includes(transport));
  const late = first.filter(({ name, actual }) => actual === "Timeout" && !listed.some((known) => known.name === name));
  const again =
    late.length === 0
      ? []
      : await ask(
          port,
          LONG_WAIT_S,
          late.map(({ section }) => section),
        );
  const answered = first.map((one) =>
    late.includes(one) ? (again.find(({ name }) => name === one.name) ?? one) : one,
  );
  const problems = compare(answered, listed);
  for (const { name } of late) console.log(`${transport}: asked again, with more time: ${name}`);
  for (const problem of problems) console.log(`${transport}: ${problem}`);
  const passed = answered.filter(({ actual }) => actual === null).length;
  console.log(
    `${transport}: ${passed} of ${answered.length} pass, ${listed.length} known to fail, ${problems.length} problems`,
  );
  return problems.length === 0;
}

function compare(answered: readonly Case[], listed: readonly KnownFailure[]): string[] {
  const problems = answered.length === CASES ? [] : [`${answered.length} cases ran, not ${CASES}`];
  for (const { name, actual } of answered) {
    const known = listed.find((one) => one.name === name);
    if (actual === null && known !== undefined) problems.push(`passes, and stands in ledger.ts: ${name}`);
    if (actual === null || known?.actual.some((start) => actual.startsWith(start)) === true) continue;
    problems.push(`${known === undefined ? "fails" : "fails in another way than ledger.ts says"}: ${name}: ${actual}`);
  }
  for (const { name } of listed)
    if (!answered.some((one) => one.name === name)) problems.push(`stands in ledger.ts, and did not run: ${name}`);
  return problems;
}

async function ask(port: readonly string[], waitS: number, sections: readonly string[]): Promise<Case[]> {
  const report = join(HOME, "report.xml");
  const args = [...sections, ...port, "--timeout", `${waitS}`, "--junit-report", report];
  rmSync(report, { force: true });
  const child = spawn(tool, args, { stdio: ["ignore", "ignore", "inherit"] });
  // The exit status only says that some case failed; the report says which.
  await once(child, "exit");
  return readReport(readFileSync(report, "utf8"));
}

/** Reads the JUnit report of h2spec. The last line of an error is what came; those before it would have been accepted. */
function readReport(xml: string): Case[] {
  return [...xml.matchAll(CASE)].map(({ groups }) => {
    const { section = "", title = "", said } = groups ?? {};
    const actual = said === undefined ? null : (said.trim().split("\n").at(-1) ?? "");
    return { name: `${section} ${title}`, section, actual };
  });
}
