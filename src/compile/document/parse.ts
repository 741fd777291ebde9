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
import { itemLocators, type Lines, linesOf, type Locate, locationAt, locator, type Part } from "./locate.ts";

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
  const documents: ParsedDocument[] = [];
  for (const [from, to] of partsOf(source)) {
    const part = partOf(lines, source.slice(from, to), from);
    let parsed: readonly ParsedRange[];
    try {
      parsed = parseRanges(part.source);
    } catch (error) {
      return { fault: syntaxFault(lines, error, from) };
    }
    for (const { value, start, aliases } of parsed) {
      const root = start + 1;
      const locate = locator(part, root);
      if (aliases && expandsTooFar(value)) return { fault: aliasFault(locate([], true)) };
      documents.push({ value, locate, locateItems: (key) => itemLocators(part, root, key) });
    }
  }
  return { documents };
}

/**
 * `[from, to)` of the parts that can be read alone, so that one document's events are gone before the next one's come.
 * `---` at a line's start is a document's start wherever it stands (YAML 1.2 §9.1.2), but directives belong to the next.
 */
function partsOf(source: string): [from: number, to: number][] {
  const starts = /(?:^|[\n\r])%/.test(source)
    ? []
    : [...source.matchAll(/[\n\r]---(?=[ \t\n\r]|$)/g)].map(({ index }) => index + 1);
  return [0, ...starts].map((from, index) => [from, starts[index] ?? source.length]);
}

/** Events weigh far more than the text: dropped, and read again when the first place is asked for. */
function partOf(lines: Lines, source: string, offset: number): Part {
  let again: Event[] | null = null;
  return { lines, source, offset, events: () => (again ??= parseEvents(source, { maxDepth: MAX_DEPTH })) };
}

interface ParsedRange {
  readonly value: unknown;
  /** Index of the document's first event. */
  readonly start: number;
  readonly aliases: boolean;
}

function parseRanges(source: string): ParsedRange[] {
  const events = parseEvents(source, { maxDepth: MAX_DEPTH });
  const values = constructFromEvents(events, { source, schema: SCHEMA });
  return documentRanges(events).map(([start, end], index) => ({
    value: values[index],
    start,
    aliases: hasAlias(events, start, end),
  }));
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

/**
 * Aliases share values, so a short text can stand for a huge tree, a deep one, or a cycle: measured here without walking
 * any value twice, so that later passes may recurse freely.
 */
function expandsTooFar(root: unknown): boolean {
  const measured = new Map<object, Measure>();
  const visit = (value: unknown): Measure => {
    if (value === null || typeof value !== "object") return LEAF;
    const known = measured.get(value);
    if (known !== undefined) return known;
    measured.set(value, ENDLESS);
    let nodes = 1;
    let depth = 0;
    for (const child of Object.values(value)) {
      const inner = visit(child);
      nodes += inner.nodes;
      depth = Math.max(depth, inner.depth);
    }
    const own = { nodes, depth: depth + 1 };
    measured.set(value, own);
    return own;
  };
  const { nodes, depth } = visit(root);
  return nodes > MAX_EXPANDED_NODES || depth > MAX_DEPTH;
}

interface Measure {
  readonly nodes: number;
  readonly depth: number;
}
const LEAF: Measure = { nodes: 1, depth: 0 };
const ENDLESS: Measure = { nodes: Number.POSITIVE_INFINITY, depth: Number.POSITIVE_INFINITY };

/** `from` is where the part that was read begins. */
function syntaxFault(lines: Lines, error: unknown, from: number): Diagnostic {
  const known = error instanceof YAMLException;
  const offset = from + (known ? (error.mark?.position ?? 0) : 0);
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
    note: null,
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
    expected: `at most ${MAX_EXPANDED_NODES} nodes, ${MAX_DEPTH} deep`,
    found: null,
    remedy: "write the repeated parts out",
    note: null,
  };
}
