/** The findings of a run, kept in a file, so that a stopped run can be continued. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { type Check, keyOf } from "./find.ts";

interface Line extends Check {
  readonly seenBy: string | null;
  /** The askers that did not see the removal: the oracles, or a test file with the digest of its text. */
  readonly unseenBy: readonly string[];
}

/**
 * The findings about each check. An oracle or a test *sees* the removal of a check when its answer or result changes; an
 * *asker* is the oracles together, or one test file.
 */
export class Findings {
  readonly #checks: readonly Check[];
  readonly #file: string | null;
  readonly #seen = new Map<string, string>();
  readonly #asked = new Map<string, Set<string>>();

  /** Findings kept in `file`, which is read first; null keeps them in memory only. */
  constructor(checks: readonly Check[], file: string | null) {
    this.#checks = checks;
    this.#file = file;
    if (file === null || !existsSync(file)) return;
    const lines: readonly Line[] = JSON.parse(readFileSync(file, "utf8"));
    for (const line of lines) {
      if (line.seenBy !== null) this.#seen.set(keyOf(line), line.seenBy);
      this.#asked.set(keyOf(line), new Set(line.unseenBy));
    }
  }

  /** The oracle or test that sees the removal of `check`; null when none is known. */
  seenBy(check: Check): string | null {
    return this.#seen.get(keyOf(check)) ?? null;
  }

  /** Records that `by` sees the removal of `check`. */
  see(check: Check, by: string): void {
    this.#seen.set(keyOf(check), by);
  }

  /** Whether `asker` has been asked, and did not see the removal of `check`. */
  asked(check: Check, asker: string): boolean {
    return this.#asked.get(keyOf(check))?.has(asker) === true;
  }

  /** Records that `asker` does not see the removal of `check`. */
  note(check: Check, asker: string): void {
    const askers = this.#asked.get(keyOf(check)) ?? new Set();
    this.#asked.set(keyOf(check), askers.add(asker));
  }

  /** Writes the file. */
  save(): void {
    if (this.#file === null) return;
    const lines = this.#checks.map((check): Line => ({
      ...check,
      seenBy: this.seenBy(check),
      unseenBy: [...(this.#asked.get(keyOf(check)) ?? [])],
    }));
    writeFileSync(this.#file, `${JSON.stringify(lines, null, 2)}\n`);
  }
}
