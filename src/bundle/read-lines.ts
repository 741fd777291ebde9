/**
 * Reads a bundle's text by the lines of its layout (layout.ts). Only the lines that differ from those of the bundle before
 * are parsed; the values of all other lines are shared with it.
 */
import { HOSTS, MAPS } from "./layout.ts";
import { type Section, SharedSection } from "./shared-section.ts";

/** The sections of a text by field. `hosts` has the hosts of all listeners. */
export type Layout = ReadonlyMap<string, Section>;

/** A text that was read by lines. */
interface ReadLines {
  /** What `JSON.parse` would have made of the text. */
  readonly value: Record<string, unknown>;
  readonly layout: Layout;
  /** Values of entries that are not shared with the bundle before. */
  readonly fresh: ReadonlySet<unknown>;
}

/**
 * Reads a text by lines, and shares the values of lines that `before` has too. Null: the text has another layout,
 * and is for `JSON.parse`.
 */
export function readLines(text: string, before: Layout | null): ReadLines | null {
  try {
    return new Reader(text, before).read();
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

class Reader {
  readonly #lines: readonly string[];
  readonly #before: Layout | null;
  readonly #sections = new Map<string, SharedSection>();
  readonly #fresh = new Set<unknown>();
  #at = 0;

  constructor(text: string, before: Layout | null) {
    this.#lines = text.split("\n");
    this.#before = before;
  }

  read(): ReadLines {
    this.#expect("{");
    const fields: [string, unknown][] = [];
    let more = true;
    while (more) {
      const line = this.#next();
      const name = /^"(\w+)":[{[]$/.exec(line)?.[1];
      if (name === undefined) {
        more = line.endsWith(",");
        const entry = parseEntry(more ? line.slice(0, -1) : line);
        fields.push(entry);
      } else {
        const isMap = line.endsWith("{");
        if (isMap !== MAPS.has(name)) throw new SyntaxError(name);
        fields.push([name, isMap ? this.#map(name) : name === "listeners" ? this.#listeners() : this.#list(name)]);
        more = this.#close(isMap ? "}" : "]");
      }
    }
    this.#expect("}");
    this.#expect("");
    if (this.#at !== this.#lines.length) throw new SyntaxError("more than a bundle");
    return { value: Object.fromEntries(fields), layout: this.#sections, fresh: this.#fresh };
  }

  #map(name: string): object {
    const section = this.#section(name);
    const entries: (readonly [string, unknown])[] = [];
    this.#each("}", (line) => {
      const entry = section.take(line, parseEntry) as [string, unknown];
      if (section.isFresh) this.#fresh.add(entry[1]);
      entries.push(entry);
    });
    return Object.fromEntries(entries);
  }

  #list(name: string): unknown[] {
    const section = this.#section(name);
    const values: unknown[] = [];
    this.#each("]", (line) => {
      const value = section.take(line, JSON.parse);
      if (section.isFresh) this.#fresh.add(value);
      values.push(value);
    });
    return values;
  }

  #listeners(): unknown[] {
    const listeners: unknown[] = [];
    let more = !this.#isAt("]");
    while (more) {
      const head = this.#next();
      if (!head.endsWith(HOSTS)) throw new SyntaxError("a listener without hosts");
      const hosts = this.#list("hosts");
      const tail = this.#next();
      more = tail.endsWith(",");
      const listener = JSON.parse(`${head}${more ? tail.slice(0, -1) : tail}`) as Record<string, unknown>;
      if (!Array.isArray(listener["hosts"]) || listener["hosts"].length > 0)
        throw new SyntaxError("two lists of hosts");
      listeners.push({ ...listener, hosts });
    }
    return listeners;
  }

  /** Takes every line up to one that starts with `end`. All but the last of them must end in a comma. */
  #each(end: "}" | "]", take: (line: string) => void): void {
    while (!this.#isAt(end)) {
      const line = this.#next();
      const isLast = this.#isAt(end);
      if (isLast === line.endsWith(",")) throw new SyntaxError("a comma too many or too few");
      take(isLast ? line : line.slice(0, -1));
    }
  }

  #isAt(end: string): boolean {
    const line = this.#lines[this.#at];
    return line === undefined || line.startsWith(end);
  }

  #section(name: string): SharedSection {
    let section = this.#sections.get(name);
    if (section === undefined) {
      section = new SharedSection(this.#before?.get(name) ?? null);
      this.#sections.set(name, section);
    }
    return section;
  }

  #next(): string {
    const line = this.#lines[this.#at++];
    if (line === undefined) throw new SyntaxError("cut short");
    return line;
  }

  #expect(wanted: string): void {
    if (this.#next() !== wanted) throw new SyntaxError(`expected ${wanted}`);
  }

  /** Whether another field follows. */
  #close(end: string): boolean {
    const line = this.#next();
    if (line !== end && line !== `${end},`) throw new SyntaxError(`expected ${end}`);
    return line !== end;
  }
}

/** Parses `"key":value` and nothing else. */
function parseEntry(line: string): [string, unknown] {
  const entries = Object.entries(JSON.parse(`{${line}}`) as Record<string, unknown>);
  const [entry] = entries;
  if (entry === undefined || entries.length > 1) throw new SyntaxError("more or less than one entry");
  return entry;
}
