/** The place of a field, found in the parser's events when somebody asks: most documents are never asked. */
import { type Event, EVENT_ID, getScalarValue, SCALAR_STYLE } from "js-yaml";
import type { FieldPath, Location } from "../diagnostics/diagnostics.ts";

export interface Lines {
  readonly file: string;
  readonly source: string;
  /** Offset of each line's first character. Computed on first use. */
  readonly starts: () => readonly number[];
}

export function linesOf(file: string, source: string): Lines {
  let starts: number[] | null = null;
  return { file, source, starts: () => (starts ??= lineStarts(source)) };
}

function lineStarts(source: string): number[] {
  const starts = [0];
  for (let at = source.indexOf("\n"); at >= 0; at = source.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

const MAX_SOURCE_LINE = 200;

export function locationAt(lines: Lines, offset: number, length: number, secret: boolean): Location {
  const starts = lines.starts();
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  const start = starts[low] ?? 0;
  const end = lines.source.indexOf("\n", start);
  const text = lines.source.slice(start, end < 0 ? lines.source.length : end).replace(/\r$/, "");
  const column = offset - start + 1;
  return {
    file: lines.file,
    line: low + 1,
    column,
    length: Math.max(1, Math.min(length, text.length - column + 1)),
    sourceLine:
      secret || column > MAX_SOURCE_LINE || text.includes("PRIVATE KEY") ? null : text.slice(0, MAX_SOURCE_LINE),
  };
}

/** Text of a file that was read by itself. */
export interface Part {
  readonly lines: Lines;
  readonly source: string;
  /** Where in the file a character of `source` stands. */
  readonly toFile: (offset: number) => number;
  /** Read when first asked for. */
  readonly events: () => readonly Event[];
}

export type Locate = (path: FieldPath, secret: boolean) => Location;

/**
 * Locates paths from the node whose event has index `root`: a scalar itself, else the closest ancestor's key. A number after
 * a block of text is a line of it, from 1.
 */
export function locator(part: Part, root: number): Locate {
  return (path, secret) => {
    const events = part.events();
    let node = root;
    let best = spanOf(events[node]);
    for (const step of path) {
      const scalar = events[node];
      if (typeof step === "number" && scalar?.type === EVENT_ID.SCALAR) {
        best = lineOf(part.source, scalar, step) ?? best;
        break;
      }
      const child = childOf(part.source, events, node, step);
      if (child === null) break;
      node = child.value;
      const value = events[node];
      // A word is shown itself; a collection or a block of text by its key, which stands on the line people look for.
      best = value !== undefined && isWord(value) ? spanOf(value) : (child.key ?? spanOf(value) ?? best);
    }
    const [offset, length] = best ?? [0, 1];
    return locationAt(part.lines, part.toFile(offset), length, secret);
  };
}

/** A line, from 1, of a block of text that keeps its lines; null where there is none. */
function lineOf(source: string, { style, valueStart, valueEnd }: ScalarEvent, line: number): Span | null {
  if (style !== SCALAR_STYLE.LITERAL_BLOCK) return null;
  let start = valueStart;
  for (let at = 1; at < line; at++) {
    start = source.indexOf("\n", start) + 1;
    if (start === 0 || start >= valueEnd) return null;
  }
  const end = source.indexOf("\n", start);
  const text = source.slice(start, end < 0 ? valueEnd : end);
  const indent = text.length - text.trimStart().length;
  return [start + indent, text.trim().length];
}

const isWord = (event: Event): boolean =>
  event.type === EVENT_ID.SCALAR &&
  event.valueEnd > event.valueStart &&
  event.style !== SCALAR_STYLE.LITERAL_BLOCK &&
  event.style !== SCALAR_STYLE.FOLDED_BLOCK;

type ScalarEvent = Extract<Event, { type: typeof EVENT_ID.SCALAR }>;
type Span = readonly [offset: number, length: number];

function spanOf(event: Event | undefined): Span | null {
  switch (event?.type) {
    case EVENT_ID.SCALAR:
      return event.valueStart < 0 ? null : [event.valueStart, event.valueEnd - event.valueStart];
    case EVENT_ID.MAPPING:
    case EVENT_ID.SEQUENCE:
      return event.start < 0 ? null : [event.start, 1];
    case EVENT_ID.ALIAS:
      return [event.anchorStart, event.anchorEnd - event.anchorStart];
    case EVENT_ID.DOCUMENT:
    case EVENT_ID.POP:
    case undefined:
      return null;
  }
}

/** A locator for each item of the sequence at `path`: one walk, however many items ask later. */
export function itemLocators(part: Part, root: number, key: string): Locate[] {
  const events = part.events();
  const sequence = childOf(part.source, events, root, key)?.value ?? root;
  const locators: Locate[] = [];
  if (events[sequence]?.type !== EVENT_ID.SEQUENCE) return locators;
  for (
    let item = sequence + 1;
    item < events.length && events[item]?.type !== EVENT_ID.POP;
    item = after(events, item)
  ) {
    locators.push(locator(part, item));
  }
  return locators;
}

/** The event of a mapping's value or a sequence's item. Aliases and merges are not followed. */
function childOf(
  source: string,
  events: readonly Event[],
  parent: number,
  step: string | number,
): { value: number; key: Span | null } | null {
  const kind = events[parent]?.type;
  if (kind === EVENT_ID.SEQUENCE && typeof step === "number") {
    let item = parent + 1;
    for (let index = 0; events[item]?.type !== EVENT_ID.POP; index++) {
      if (item >= events.length) return null;
      if (index === step) return { value: item, key: null };
      item = after(events, item);
    }
  }
  if (kind === EVENT_ID.MAPPING && typeof step === "string") {
    let key = parent + 1;
    while (key < events.length && events[key]?.type !== EVENT_ID.POP) {
      const value = after(events, key);
      const event = events[key];
      if (event?.type === EVENT_ID.SCALAR && getScalarValue(source, event) === step)
        return { value, key: spanOf(event) };
      key = after(events, value);
    }
  }
  return null;
}

/** The index after a whole node. */
function after(events: readonly Event[], node: number): number {
  let depth = 0;
  for (let index = node; index < events.length; index++) {
    const type = events[index]?.type;
    if (type === EVENT_ID.POP) depth--;
    else if (type === EVENT_ID.MAPPING || type === EVENT_ID.SEQUENCE) depth++;
    if (depth <= 0) return index + 1;
  }
  return events.length;
}
