/** Parses a text into documents: YAML, of which JSON is a subset, several in one text, with the place of every field. */
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
import { type Diagnostic, inputDiagnostic } from "../diagnostics/diagnostics.ts";
import { DEFICIENT, type Indented, indentFlow, unchanged } from "./flow-indent.ts";
import { itemLocators, type Lines, linesOf, type Locate, locationAt, locator, type Part } from "./locate.ts";
import { jsonValues, partsOf, type TextRange } from "./parts.ts";
import { markNear, type Template, templateIn, withoutMarks } from "./templates.ts";
import { aliasFault, expandsTooFar, MAX_DEPTH } from "./aliases.ts";

/** The text of a file; diagnostics name the file as `file`. */
export interface InputDocument {
  readonly file: string;
  readonly text: string;
}

/** One document of a text. */
export interface ParsedDocument {
  readonly value: unknown;
  readonly locate: Locate;
  /** A locator for each item of the sequence under `key`, for lists of objects. */
  readonly locateItems: (key: string) => Locate[];
}

/** The YAML of Kubernetes: booleans (`on`, `yes`) and merge keys of YAML 1.1, all other scalars of YAML 1.2. */
const SCHEMA = CORE_SCHEMA.withTags(boolYaml11Tag, mergeTag);
/** Every document of a text, or why the text as a whole cannot be read. Never throws on input. */
export function parseText({ file, text }: InputDocument): { documents: ParsedDocument[] } | { fault: Diagnostic } {
  const source = text.startsWith("\uFEFF") ? text.slice(1) : text;
  const lines = linesOf(file, source);
  const documents: ParsedDocument[] = [];
  const waiting = partsOf(source).reverse();
  for (let span = waiting.pop(); span !== undefined; span = waiting.pop()) {
    const [from, to] = span;
    const read = readPart(source.slice(from, to));
    if (read.kind === "values") {
      waiting.push(...read.spans.map(([start, end]): TextRange => [from + start, from + end]).reverse());
      continue;
    }
    if (read.kind === "fault") return { fault: syntaxFault(lines, read, [from, to]) };
    const part = partOf(lines, read.text, from);
    for (const { value, start, aliases } of read.ranges) {
      const root = start + 1;
      const locate = locator(part, root);
      if (aliases && expandsTooFar(value)) return { fault: aliasFault(locate([], true)) };
      documents.push({ value, locate, locateItems: (key) => itemLocators(part, root, key) });
    }
  }
  return { documents };
}

/** A part whose events, which take far more memory than the text, are parsed again when the first place is asked for. */
function partOf(lines: Lines, { source, toOriginal }: Indented, offset: number): Part {
  let again: Event[] | null = null;
  return {
    lines,
    source,
    toFile: (at) => offset + toOriginal(at),
    events: () => (again ??= parseEvents(source, { maxDepth: MAX_DEPTH })),
  };
}

type PartRead =
  | { readonly kind: "documents"; readonly text: Indented; readonly ranges: readonly ParsedRange[] }
  /** The part is no document, but several JSON values. */
  | { readonly kind: "values"; readonly spans: readonly TextRange[] }
  | PartFault;

interface PartFault {
  readonly kind: "fault";
  readonly reason: string;
  /** Offset in the part; null: not known. */
  readonly at: number | null;
}

function readPart(source: string): PartRead {
  const plain = parseRanges(source);
  if (!("reason" in plain)) return { kind: "documents", text: unchanged(source), ranges: plain.ranges };
  const spans = jsonValues(source);
  if (spans !== null) return { kind: "values", spans };
  if (plain.reason !== DEFICIENT) return plain;
  const text = indentFlow(source, (indented) => {
    const read = parseRanges(indented);
    return "reason" in read && read.reason === DEFICIENT ? read.at : null;
  });
  const last = parseRanges(text.source);
  if (!("reason" in last)) return { kind: "documents", text, ranges: last.ranges };
  return { ...last, at: last.at === null ? null : text.toOriginal(last.at) };
}

interface ParsedRange {
  readonly value: unknown;
  /** Index of the first event of the document. */
  readonly start: number;
  readonly aliases: boolean;
}

/** The documents of a part. */
type ParsedRanges = { readonly ranges: readonly ParsedRange[] } | PartFault;

function parseRanges(source: string): ParsedRanges {
  try {
    const events = parseEvents(source, { maxDepth: MAX_DEPTH });
    const values = constructFromEvents(events, { source, schema: SCHEMA });
    const ranges = documentRanges(events).map(([start, end], index) => ({
      value: values[index],
      start,
      aliases: hasAlias(events, start, end),
    }));
    return { ranges };
  } catch (error) {
    if (!(error instanceof YAMLException))
      return { kind: "fault", reason: "the text cannot be read as YAML", at: null };
    return { kind: "fault", reason: error.reason, at: error.mark?.position ?? null };
  }
}

/** Indexes `[start, end)` of the events of each document, from its DOCUMENT event on. */
function documentRanges(events: readonly Event[]): [number, number][] {
  const starts: number[] = [];
  for (let index = 0; index < events.length; index++) if (events[index]?.type === EVENT_ID.DOCUMENT) starts.push(index);
  return starts.map((start, index) => [start, starts[index + 1] ?? events.length]);
}

function hasAlias(events: readonly Event[], start: number, end: number): boolean {
  for (let index = start; index < end; index++) if (events[index]?.type === EVENT_ID.ALIAS) return true;
  return false;
}

function syntaxFault(lines: Lines, { reason, at }: PartFault, [from, to]: TextRange): Diagnostic {
  const source = lines.source.slice(from, to);
  const template = templateFault(source, at ?? 0);
  const offset = from + (template?.at ?? at ?? 0);
  return inputDiagnostic({
    code: "yaml-syntax",
    message: `not valid YAML: ${template === null ? reason : `${template.mark} looks like ${template.tool}`}`,
    location: locationAt(lines, offset, template?.mark.length ?? 1, mayHoldSecret(lines, offset)),
    expected: "YAML 1.2 or JSON",
    found: template?.mark ?? null,
    remedy: template?.remedy ?? syntaxRemedy(reason, source),
  });
}

/** The template that causes a fault: one outside of quotes, on the line of the fault, or without which the text can be parsed. */
function templateFault(source: string, at: number): (Template & { at: number }) | null {
  const mark = markNear(source, at);
  if (mark === null || (!mark.isInLine && "reason" in parseRanges(withoutMarks(source)))) return null;
  const template = templateIn(source.slice(mark.at));
  return template === null ? null : { ...template, at: mark.at };
}

function syntaxRemedy(reason: string, source: string): string {
  if (reason.includes("duplicated mapping key")) return "remove one of the two keys of the same name";
  if (reason.includes("maxDepth")) return `nest collections at most ${MAX_DEPTH} deep`;
  if (reason.includes("tag")) return "remove the tag: Kubernetes manifests are plain YAML";
  if (/^ *\t/m.test(source)) return "indent with spaces: YAML allows no tabs there";
  return "correct the line; `kubectl apply --dry-run=client -f` reads the same syntax";
}

/** Whether the document around an offset may hold a Secret or a key, so that none of its lines may be shown. */
function mayHoldSecret({ source }: Lines, offset: number): boolean {
  const from = source.lastIndexOf("\n---", Math.max(0, offset - 1));
  const to = source.indexOf("\n---", offset);
  const document = source.slice(Math.max(0, from), to < 0 ? source.length : to);
  return /Secret|PRIVATE KEY/.test(document);
}
