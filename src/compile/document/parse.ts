/** From text to documents: YAML (JSON is a subset), several per file, with the place of every node. */
import {
  boolYaml11Tag,
  constructFromEvents,
  CORE_SCHEMA,
  type Event,
  EVENT_ID,
  mergeTag,
  parseEvents,
  YAMLException,
} from "js-yaml";
import type { Diagnostic, Location } from "../diagnostics.ts";
import { itemLocators, type Lines, linesOf, type Locate, locationAt, locator } from "./locate.ts";

/** Text that was read: `file` is how diagnostics name it. */
export interface InputDocument {
  readonly file: string;
  readonly text: string;
}

export interface ParsedDocument {
  readonly value: unknown;
  readonly locate: Locate;
  /** Of each item of the sequence under `key`, as in `kind: List`. */
  readonly locateItems: (key: string) => Locate[];
}

/** Kubernetes reads YAML 1.1 booleans (`on`, `yes`) and merge keys; other scalars as YAML 1.2. */
const SCHEMA = CORE_SCHEMA.withTags(boolYaml11Tag, mergeTag);
const MAX_DEPTH = 100;
/** Nodes of one document once its aliases are expanded. */
const MAX_EXPANDED_NODES = 1_000_000;

/** Every document of one text, or why the text as a whole cannot be read. Never throws on input. */
export function parseText({ file, text }: InputDocument): { documents: ParsedDocument[] } | { fault: Diagnostic } {
  const source = text.startsWith("\uFEFF") ? text.slice(1) : text;
  const lines = linesOf(file, source);
  let events: Event[];
  let values: unknown[];
  try {
    events = parseEvents(source, { maxDepth: MAX_DEPTH });
    values = constructFromEvents(events, { source, schema: SCHEMA });
  } catch (error) {
    return { fault: syntaxFault(lines, error) };
  }
  const documents: ParsedDocument[] = [];
  for (const [index, [start, end]] of documentRanges(events).entries()) {
    const value = values[index];
    const root = start + 1;
    const locate = locator(lines, events, root);
    if (hasAlias(events, start, end) && expandedNodes(value) > MAX_EXPANDED_NODES) {
      return { fault: aliasFault(locate([], true)) };
    }
    documents.push({ value, locate, locateItems: (key) => itemLocators(lines, events, root, key) });
  }
  return { documents };
}

/** `[start, end)` of each document's events, its own DOCUMENT event included. */
function documentRanges(events: readonly Event[]): [number, number][] {
  const starts: number[] = [];
  for (let index = 0; index < events.length; index++) if (events[index]?.type === EVENT_ID.DOCUMENT) starts.push(index);
  return starts.map((start, index) => [start, starts[index + 1] ?? events.length]);
}

function hasAlias(events: readonly Event[], start: number, end: number): boolean {
  for (let index = start; index < end; index++) if (events[index]?.type === EVENT_ID.ALIAS) return true;
  return false;
}

/** Aliases share values, so a short text can stand for a huge tree, or for a cycle: counted, never walked. */
function expandedNodes(root: unknown): number {
  const sizes = new Map<object, number>();
  const visit = (value: unknown): number => {
    if (value === null || typeof value !== "object") return 1;
    const known = sizes.get(value);
    if (known !== undefined) return known;
    sizes.set(value, Number.POSITIVE_INFINITY);
    let size = 1;
    for (const child of Object.values(value)) size += visit(child);
    sizes.set(value, size);
    return size;
  };
  return visit(root);
}

function syntaxFault(lines: Lines, error: unknown): Diagnostic {
  const known = error instanceof YAMLException;
  const offset = known ? (error.mark?.position ?? 0) : 0;
  const reason = known ? error.reason : "the text cannot be read as YAML";
  return {
    severity: "error",
    code: "yaml-syntax",
    message: `not valid YAML: ${reason}`,
    location: locationAt(lines, offset, 1, mayHoldSecret(lines, offset)),
    object: null,
    path: null,
    expected: "YAML 1.2 or JSON",
    found: null,
    remedy: remedyFor(reason, lines.source),
  };
}

function remedyFor(reason: string, source: string): string {
  if (reason.includes("duplicated mapping key")) return "remove one of the two keys of the same name";
  if (reason.includes("maxDepth")) return `nest collections at most ${MAX_DEPTH} deep`;
  if (reason.includes("tag")) return "remove the tag: Kubernetes manifests are plain YAML";
  if (/^ *\t/m.test(source)) return "indent with spaces: YAML allows no tabs there";
  return "correct the line; `kubectl apply --dry-run=client -f` reads the same syntax";
}

/** A broken line of a Secret or a key must not be printed. */
function mayHoldSecret({ source }: Lines, offset: number): boolean {
  const from = source.lastIndexOf("\n---", Math.max(0, offset - 1));
  const to = source.indexOf("\n---", offset);
  const document = source.slice(Math.max(0, from), to < 0 ? source.length : to);
  return /Secret|PRIVATE KEY/.test(document);
}

function aliasFault(location: Location): Diagnostic {
  return {
    severity: "error",
    code: "yaml-aliases",
    message: "YAML aliases expand this document without bound",
    location,
    object: null,
    path: null,
    expected: `at most ${MAX_EXPANDED_NODES} nodes`,
    found: null,
    remedy: "write the repeated parts out",
  };
}
