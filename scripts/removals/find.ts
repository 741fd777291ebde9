/** The checks of src/trust, found in its syntax tree, and its source with a switch at each check. */
import { readFileSync, readdirSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { parseAst } from "vitest/node";

const TRUST = resolve(import.meta.dirname, "../../src/trust");

/**
 * A check: an `if` that ends in a return, throw, continue or break; a conditional expression with a branch that is null;
 * or a call of `finish`, which refuses unread octets. When the check is removed, the `if` is never taken, the conditional
 * is null, and the call is not made.
 */
export interface Check {
  /** The index in the list of all checks. */
  readonly id: number;
  /** The path relative to src/trust: `path/build.ts`. */
  readonly file: string;
  readonly line: number;
  /** The condition or the call, in one line. */
  readonly condition: string;
  /** The number of this check among those of the same condition in one file, from 1. */
  readonly occurrence: number;
}

/** The key of a check, which stays the same when lines move. */
export const keyOf = ({ file, condition, occurrence }: Omit<Check, "id" | "line">): string =>
  `${file} ${occurrence} ${condition}`;

interface Site {
  /** The offsets of the condition in the source. */
  readonly start: number;
  readonly end: number;
  /** The value of the condition when the check is removed. */
  readonly without: "false" | "true";
  readonly kind: "condition" | "call";
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

/** All checks, in the order of files and lines. */
export function findChecks(): Check[] {
  const checks: Check[] = [];
  const files = readdirSync(TRUST, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
  for (const file of files.toSorted()) {
    const source = readFileSync(join(TRUST, file), "utf8");
    const occurrences = new Map<string, number>();
    for (const { start, end } of sitesIn(source)) {
      const line = source.slice(0, start).split("\n").length;
      const condition = source.slice(start, end).replaceAll(/\s+/gu, " ");
      const occurrence = (occurrences.get(condition) ?? 0) + 1;
      occurrences.set(condition, occurrence);
      checks.push({ id: checks.length, file, line, condition, occurrence });
    }
  }
  return checks;
}

/**
 * Installs the functions that {@link withSwitches} puts into the source. `removed` returns whether a check is removed;
 * `fired` is called for a check that decides something: its condition differs from that without it, or its call throws.
 */
export function installSwitches(removed: (id: number) => boolean, fired: (id: number) => void): void {
  Object.assign(globalThis, {
    lasthopCheck(id: number, without: boolean, condition: unknown): unknown {
      if (Boolean(condition) !== without) fired(id);
      return removed(id) ? without : condition;
    },
    lasthopCall(id: number, call: () => void): void {
      if (removed(id)) return;
      try {
        call();
      } catch (error) {
        fired(id);
        throw error;
      }
    },
  });
}

/** The source of a file of src/trust with a switch at every check; null for any other path. */
export function withSwitches(path: string): string | null {
  const file = relative(TRUST, path);
  if (file.startsWith("..") || !file.endsWith(".ts")) return null;
  const source = readFileSync(path, "utf8");
  const first = findChecks().find((check) => check.file === file)?.id ?? 0;
  let text = source;
  // Sites are replaced from the last to the first, so that the offsets of earlier ones stay valid.
  const sites = sitesIn(source).map((site, index) => ({ ...site, id: first + index }));
  for (const { start, end, without, kind, id } of sites.toSorted((a, b) => b.start - a.start)) {
    const own = text.slice(start, end);
    const switched =
      kind === "condition"
        ? `globalThis.lasthopCheck(${id}, ${without}, (${own}))`
        : `globalThis.lasthopCall(${id}, () => (${own}))`;
    text = text.slice(0, start) + switched + text.slice(end);
  }
  return text;
}

function sitesIn(source: string): Site[] {
  const sites: Site[] = [];
  walk(parseAst(source, { lang: "ts" }), (node) => {
    const site = siteOf(node);
    if (site !== null) sites.push(site);
  });
  // A condition within another one is removed with it, and so is no site of its own.
  return sites
    .filter(({ start, end }) => !sites.some((outer) => outer.start < start && end < outer.end))
    .toSorted((a, b) => a.start - b.start);
}

function siteOf(node: Node): Site | null {
  const test = node["test"];
  const expression = node["expression"];
  if (node.type === "ExpressionStatement" && isNode(expression) && isFinish(expression))
    return { start: expression.start, end: expression.end, without: "true", kind: "call" };
  if (!isNode(test)) return null;
  const place = { start: test.start, end: test.end, kind: "condition" } as const;
  if (node.type === "IfStatement") return leaves(node["consequent"]) ? { ...place, without: "false" } : null;
  if (node.type !== "ConditionalExpression") return null;
  if (isNull(node["consequent"])) return { ...place, without: "true" };
  return isNull(node["alternate"]) ? { ...place, without: "false" } : null;
}

function isFinish({ type, ...fields }: Node): boolean {
  const callee = fields["callee"];
  const property = isNode(callee) ? callee["property"] : null;
  return type === "CallExpression" && isNode(property) && property["name"] === "finish";
}

function walk(value: unknown, visit: (node: Node) => void): void {
  if (Array.isArray(value)) for (const each of value) walk(each, visit);
  else if (isNode(value)) {
    visit(value);
    for (const field of Object.values(value)) walk(field, visit);
  }
}

function leaves(statement: unknown): boolean {
  if (!isNode(statement)) return false;
  if (statement.type === "BlockStatement") {
    const body = statement["body"];
    return Array.isArray(body) && leaves(body.at(-1));
  }
  return ["ReturnStatement", "ThrowStatement", "ContinueStatement", "BreakStatement"].includes(statement.type);
}

const isNull = (node: unknown): boolean =>
  isNode(node) && node.type === "Literal" && node["value"] === null && node["raw"] === "null";

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && "start" in value;
}
