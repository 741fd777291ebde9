/** What a run has found out, kept in a file, so that a run that was stopped goes on where it was. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { type Check, keyOf } from "./find.ts";

interface Line extends Check {
  readonly seenBy: string | null;
  /** Who was asked and did not see it: the oracles, or a test file with the digest of its text. */
  readonly unseenBy: readonly string[];
}

/** For each check who sees it, and who was asked. */
export class Findings {
  readonly #checks: readonly Check[];
  readonly #file: string | null;
  readonly #seen = new Map<string, string>();
  readonly #asked = new Map<string, Set<string>>();

  /** `file`: where it is kept; null: nowhere. What the file holds about these checks is taken over. */
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

  seenBy(check: Check): string | null {
    return this.#seen.get(keyOf(check)) ?? null;
  }

  see(check: Check, by: string): void {
    this.#seen.set(keyOf(check), by);
  }

  asked(check: Check, asker: string): boolean {
    return this.#asked.get(keyOf(check))?.has(asker) === true;
  }

  /** Keeps that this one was asked in vain. */
  note(check: Check, asker: string): void {
    const askers = this.#asked.get(keyOf(check)) ?? new Set();
    this.#asked.set(keyOf(check), askers.add(asker));
  }

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
