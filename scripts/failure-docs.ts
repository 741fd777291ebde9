/**
 * `npm run docs:failures`: writes the tables of docs/failures.md and docs/trust.md from the failure table
 * (src/gateway/failure-table). A table replaces the one that follows the line `<!-- failure table: NAME -->`.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { CODES } from "../src/backend/engine/abi.ts";
import { TRANSPORT_CODES } from "../src/backend/failure.ts";
import { CONFIG_CODES } from "../src/bundle/types.ts";
import { REQUEST_FAILURES } from "../src/gateway/failure-table/request.ts";
import { FAILURES, type FailureCode, type RequestCode } from "../src/gateway/failure-table/table.ts";
import { REFUSAL_CODES } from "../src/trust/index.ts";

const DOCS = resolve(import.meta.dirname, "../docs");
const FILES = ["failures.md", "trust.md"];

/** The documents with tables: the present text of each, and the text with the tables made from the failure table. */
export function failureDocs(): { readonly file: string; readonly written: string; readonly wanted: string }[] {
  return FILES.map((name) => {
    const file = join(DOCS, name);
    const written = readFileSync(file, "utf8");
    return { file, written, wanted: withTables(written) };
  });
}

const MARKED = /^(?<mark><!-- failure table: (?<name>[a-z-]+) -->\n\n)(?:\|.*\n)*/gmu;

function withTables(text: string): string {
  return text.replaceAll(MARKED, (_all, mark: string, name: string) => `${mark}${tableNamed(name)}`);
}

function tableNamed(name: string): string {
  const table = TABLES[name];
  if (table === undefined) throw new Error(`no failure table is called ${name}`);
  return table();
}

const requestCodes = Object.keys(REQUEST_FAILURES) as RequestCode[];

const TABLES: Readonly<Record<string, () => string>> = {
  request: () => statusTable(requestCodes),
  transport: () => statusTable(TRANSPORT_CODES),
  configuration: () => causeTable("refused because", CONFIG_CODES),
  refusals: () => causeTable("meaning", REFUSAL_CODES),
  engine: () => engineTable(),
};

function statusTable(codes: readonly FailureCode[]): string {
  const rows = codes.map((code) => {
    const { status, proxyError, meaning, cause, fix } = FAILURES[code];
    return [`\`${code}\``, String(status), proxyError, meaning, cause, fix];
  });
  return markdown([["code", "status", "Proxy-Status error", "meaning", "usual cause", "fix"], ...rows]);
}

function causeTable(meaningOf: string, codes: readonly FailureCode[]): string {
  const rows = codes.map((code) => [`\`${code}\``, FAILURES[code].meaning, FAILURES[code].cause, FAILURES[code].fix]);
  return markdown([["code", meaningOf, "usual cause", "fix"], ...rows]);
}

function engineTable(): string {
  const rows = Object.entries(CODES).map(([name, number]) => {
    const found = Object.entries(FAILURES).find(([, { engine = [] }]) => engine.some((each) => each === name));
    if (found === undefined) throw new Error(`no row of the failure table has the engine's ${name}`);
    return [String(number), name, `\`${found[0]}\``];
  });
  return markdown([["number", "engine's name", "code"], ...rows]);
}

/** A table as the formatter lays it out: cells padded to the width of their column. */
function markdown(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |\n`;
  const [head = "", ...body] = rows.map((row) => line(row.map((cell, column) => cell.padEnd(widths[column] ?? 0))));
  return head + line(widths.map((width) => "-".repeat(width))) + body.join("");
}

if (process.argv[1] === import.meta.filename) {
  for (const { file, wanted } of failureDocs()) writeFileSync(file, wanted);
}
