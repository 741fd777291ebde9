/** Header fields that filters name: in header modifiers, external auth and CORS. */
import type { HeaderEdit } from "../../bundle/types.ts";
import { compareStrings, type FieldPath, type Problem } from "../diagnostics/diagnostics.ts";
import type { HTTPHeader, HTTPHeaderFilter } from "../kubernetes/objects.ts";
import { conflictingActions, framingHeader, invalidHeader, repeatedName } from "./problems.ts";

type Pair = readonly [name: string, value: string];

/** A header modifier in the form of the bundle: names in lower case. What is wrong with it is added to `problems`. */
export function resolveHeaderEdit(filter: HTTPHeaderFilter, at: FieldPath, problems: Problem[]): HeaderEdit {
  const edit = {
    set: firstOfEach(filter.set ?? [], [...at, "set"], problems),
    add: firstOfEach(filter.add ?? [], [...at, "add"], problems),
    remove: resolveFieldNames(filter.remove ?? [], [...at, "remove"], problems),
  };
  const names = [...edit.set, ...edit.add].map(([name]) => name);
  const repeated = [...names, ...edit.remove].find((name, index, all) => all.indexOf(name) !== index);
  if (repeated !== undefined) problems.push(conflictingActions(at, repeated));
  return edit;
}

/** Names of headers in lower case, sorted, each once. Names in `implied` are left out, and not checked. */
export function resolveFieldNames(
  names: readonly string[],
  at: FieldPath,
  problems: Problem[],
  implied: readonly string[] = [],
): string[] {
  const found = new Set<string>();
  for (const [index, name] of names.entries()) {
    if (implied.includes(name.toLowerCase())) continue;
    problems.push(...nameFaults(name, [...at, index]));
    found.add(name.toLowerCase());
  }
  return [...found].sort(compareStrings);
}

/**
 * The first entry of each header name: "Subsequent entries with an equivalent header name MUST be ignored."
 * (`HTTPHeader.name`)
 */
function firstOfEach(headers: readonly HTTPHeader[], at: FieldPath, problems: Problem[]): Pair[] {
  const first = new Map<string, string>();
  for (const [index, { name, value }] of headers.entries()) {
    const key = name.toLowerCase();
    problems.push(...nameFaults(name, [...at, index, "name"]));
    if (first.has(key)) problems.push(repeatedName([...at, index, "name"], name));
    else first.set(key, value);
  }
  return [...first].sort(([a], [b]) => compareStrings(a, b));
}

/** Fields of one connection, or of the framing of a message (RFC 9110 §7.6.1, RFC 9112 §6), which each hop writes itself. */
const FRAMING = new Set([
  "connection",
  "content-length",
  "host",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

function nameFaults(name: string, path: FieldPath): Problem[] {
  if (FRAMING.has(name.toLowerCase())) return [framingHeader(path, name)];
  // RFC 9110 §5.6.2: a name is a token. Some lists of names have no pattern in the CRD.
  return /^[-A-Za-z0-9!#$%&'*+.^_`|~]+$/.test(name) ? [] : [invalidHeader(path, name)];
}
