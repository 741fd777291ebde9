/** The oracles' questions about verdicts, quickest to show a removed check first. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { GraphCase } from "../../test/differential/case.ts";
import { buildGraphs, verdictOn } from "../../test/differential/lasthop.ts";
import { judge as judgeRow } from "../../test/trust/judge.ts";
import { mintRows } from "../../test/trust/rows.ts";
import { witness } from "../../test/support/witness.ts";
import { readCases } from "../limbo/cases.ts";
import { answerTo } from "../limbo/judge.ts";
import { answerTo as answerToPkits, readSuite } from "../pkits.ts";

/** A question of an oracle. `ask` resolves with lasthop's answer as text. */
interface Question {
  readonly oracle: "rows" | "limbo" | "pkits" | "graphs";
  readonly name: string;
  ask(): Promise<string>;
}

const SHARED = resolve(import.meta.dirname, "../../../shared");
/** One in this many of x509-limbo's name constraint cases is asked. */
const SAMPLE = 12;
const GRAPHS = 300;

/** All questions. Throws when the files of x509-limbo and PKITS are not beside the checkout. */
export function questions(): Question[] {
  const limbo = join(SHARED, "x509-limbo/limbo-dev-small.json.gz");
  const pkits = join(SHARED, "pkits");
  for (const path of [limbo, pkits]) if (!existsSync(path)) throw new Error(`the oracles need ${path}`);
  const rowQuestions = mintRows().map((row): Question => ({
    oracle: "rows",
    name: row.name,
    ask: () => judgeRow(row, witness),
  }));
  const cases = readCases(limbo).filter(
    ({ id }, at) => !id.startsWith("bettertls::nameconstraints") || at % SAMPLE === 0,
  );
  const limboQuestions = (["private", "strict"] as const).flatMap((profile) =>
    cases.map((testcase): Question => ({
      oracle: "limbo",
      name: `${testcase.id} ${profile}`,
      ask: () => answerTo(testcase, profile),
    })),
  );
  const suite = readSuite(pkits);
  const pkitsQuestions = suite.cases
    .filter(({ initialPolicySettings }) => initialPolicySettings === undefined)
    .map((testcase): Question => ({
      oracle: "pkits",
      name: testcase.id,
      ask: () => answerToPkits(pkits, suite, testcase),
    }));
  const graphQuestions = execFileSync(buildGraphs(), ["mint", "1", "0", `${GRAPHS}`], {
    encoding: "utf8",
    maxBuffer: 1 << 30,
  })
    .trimEnd()
    .split("\n")
    .map((line): GraphCase => JSON.parse(line))
    .map((testcase): Question => ({
      oracle: "graphs",
      name: `${testcase.index}`,
      ask: async () => {
        const verdict = await verdictOn(testcase);
        return verdict.kind === "verified" ? `verified ${verdict.peer.path.path.length}` : verdict.refusal.code;
      },
    }));
  return [...rowQuestions, ...pkitsQuestions, ...limboQuestions, ...graphQuestions];
}
