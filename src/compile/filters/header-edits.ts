/** Fields that filters name: header modifiers, and the lists of external auth and CORS. */
import type { HeaderEdit } from "../../bundle/types.ts";
import { compareStrings, type FieldPath, type Problem, show } from "../diagnostics/diagnostics.ts";

import type { HTTPHeader, HTTPHeaderFilter } from "../kubernetes/objects.ts";

type Pair = readonly [name: string, value: string];

/** `HTTPHeaderFilter`: names in lower case, each with one action. */
export function resolveHeaderEdit(filter: HTTPHeaderFilter, at: FieldPath, problems: Problem[]): HeaderEdit {
  const edit = {
    set: firstOfEach(filter.set ?? [], [...at, "set"], problems),
    add: firstOfEach(filter.add ?? [], [...at, "add"], problems),
    remove: resolveFieldNames(filter.remove ?? [], [...at, "remove"], problems),
  };
  const names = [...edit.set, ...edit.add].map(([name]) => name);
  const repeated = [...names, ...edit.remove].find((name, index, all) => all.indexOf(name) !== index);
  // "Filters specifying multiple actions of the same or different type for any one header name are invalid."
  if (repeated !== undefined)
    problems.push({
      code: "route-feature-unsupported",
      path: at,
      message: "only one action for a given header name is permitted",
      expected: "each name in one of set, add and remove",
      found: show(repeated),
      remedy: "keep one of the actions",
    });
  return edit;
}

/** Names in lower case, sorted, each once; without those of `implied`, which go unchecked. */
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

/** "Subsequent entries with an equivalent header name MUST be ignored." (`HTTPHeader.name`) */
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

/** Fields of one connection or of a message's framing (RFC 9110 §7.6.1, RFC 9112 §6): each hop writes its own. */
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
  const framing = FRAMING.has(name.toLowerCase());
  // RFC 9110 §5.6.2: a token. Not every list of names has a pattern in the CRD.
  if (!framing && /^[-A-Za-z0-9!#$%&'*+.^_`|~]+$/.test(name)) return [];
  return [
    {
      code: "route-feature-unsupported",
      path,
      message: framing ? "the gateway alone writes this field" : "is no name of a header field",
      expected: framing ? "a field that no hop needs for itself" : "a token",
      found: show(name),
      remedy: name.toLowerCase() === "host" ? "use URLRewrite with hostname" : "remove it",
    },
  ];
}

/** Of headers or query parameters; a filter's list of headers has the same rule. */
export function repeatedName(path: FieldPath, name: string): Problem {
  return {
    severity: "warning",
    code: "route-header-repeated",
    path,
    message: "an earlier entry has this name, and only the first counts",
    expected: "each name once",
    found: show(name),
    remedy: "remove one of the entries",
  };
}
