/** The place of a field, found in the parser's events only when it is asked for: most documents never need one. */
import { type Event, EVENT_ID, getScalarValue, SCALAR_STYLE } from "js-yaml";
import type { FieldPath, Location } from "../diagnostics/diagnostics.ts";

/** A file and its lines. */
export interface Lines {
  readonly file: string;
  readonly source: string;
  /** Offset of the first character of each line, computed when first asked for. */
  readonly starts: () => readonly number[];
}

/** The lines of a file. */
export function linesOf(file: string, source: string): Lines {
  let starts: number[] | null = null;
  return { file, source, starts: () => (starts ??= lineStarts(source)) };
}

function lineStarts(source: string): number[] {
  const starts = [0];
  for (let at = source.indexOf("\n"); at >= 0; at = source.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

/** The number of characters of a line that a message shows. */
const MAX_SOURCE_LINE = 200;

/** The location of `length` characters at an offset. The source line is left out where it may hold a `secret`. */
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

/** A part of a file that was parsed alone. */
export interface Part {
  readonly lines: Lines;
  readonly source: string;
  /** Offset in the file of an offset in `source`. */
  readonly toFile: (offset: number) => number;
  /** Events of the parser, which parses the part again when they are first asked for. */
  readonly events: () => readonly Event[];
}

/** A function that locates a field of one document or object; `secret`: its line must not be shown. */
export type Locate = (path: FieldPath, secret: boolean) => Location;

/**
 * Locates fields below the node whose event has the index `root`. The place is that of a scalar, or of the key of a collection
 * or block of text, and for an absent field that of the closest field around it. A number below a block of text is the number
 * of a line in it, from 1.
 */
export function locator(part: Part, root: number): Locate {
  return (path, secret) => {
    const events = part.events();
    let node = root;
    let best = spanOf(events[node]);
    for (const step of path) {
      const scalar = events[node];
      if (typeof step === "number" && scalar?.type === EVENT_ID.SCALAR) {
        best = blockLine(part.source, scalar, step) ?? best;
        break;
      }
      const child = childOf(part.source, events, node, step);
      if (child === null) break;
      node = child.value;
      const value = events[node];
      // A collection or block of text starts on the line after its key, and people look for the key.
      best = value !== undefined && isWord(value) ? spanOf(value) : (child.key ?? spanOf(value) ?? best);
    }
    const [offset, length] = best ?? [0, 1];
    return locationAt(part.lines, part.toFile(offset), length, secret);
  };
}

/** Line `line`, from 1, of a block of text; null: the scalar is no block that keeps its lines, or has no such line. */
function blockLine(source: string, { style, valueStart, valueEnd }: ScalarEvent, line: number): Span | null {
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

/** Whether an event is a scalar other than a block of text. */
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

/** A locator for each item of the sequence under `key`, so that the events are walked once for all items. */
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

/** Index of the event of a child, and the place of its key in a mapping. Aliases and merge keys are not followed. */
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

/** Index of the event that follows a whole node. */
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
