/** The characters of src/trust that have run, by V8's block coverage. */
import { type Profiler, Session } from "node:inspector/promises";

/** The coverage of this process. */
export class Coverage {
  readonly #session = new Session();
  /** By the URL of a script: 1 for each character that ran at least once. */
  readonly #seen = new Map<string, Uint8Array>();

  async start(): Promise<void> {
    this.#session.connect();
    await this.#session.post("Profiler.enable");
    await this.#session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  }

  /** The number of characters that ran since the last call and never before. With `remember`, they count as old from then on. */
  async take(remember: boolean): Promise<number> {
    const { result } = await this.#session.post("Profiler.takePreciseCoverage");
    let fresh = 0;
    for (const script of result) if (script.url.includes("/src/trust/")) fresh += this.#merge(script, remember);
    return fresh;
  }

  get characters(): number {
    let sum = 0;
    for (const seen of this.#seen.values()) for (const octet of seen) sum += octet;
    return sum;
  }

  #merge({ url, functions }: Profiler.ScriptCoverage, remember: boolean): number {
    const size = Math.max(0, ...functions.flatMap(({ ranges }) => ranges.map(({ endOffset }) => endOffset)));
    const ran = new Uint8Array(size);
    for (const { ranges } of functions) {
      if (ranges[0] === undefined || ranges[0].count === 0) continue;
      // Outer ranges come first, and an inner one is more precise.
      for (const { startOffset, endOffset, count } of ranges) ran.fill(count > 0 ? 1 : 0, startOffset, endOffset);
    }
    let seen = this.#seen.get(url) ?? new Uint8Array(0);
    if (seen.length < size) {
      const longer = new Uint8Array(size);
      longer.set(seen);
      seen = longer;
      this.#seen.set(url, seen);
    }
    let fresh = 0;
    for (let at = 0; at < size; at++) {
      if (ran[at] === 0 || seen[at] === 1) continue;
      fresh++;
      if (remember) seen[at] = 1;
    }
    return fresh;
  }
}
