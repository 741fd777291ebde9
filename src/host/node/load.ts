/**
 * What one HTTP/2 connection has us do: work that goes on when its stream is closed, and requests that are cancelled
 * (CVE-2023-44487: a client may open and reset streams without end, and never have many open).
 */
import type { ServerHttp2Stream } from "node:http2";

/** Cancelled requests beyond as many as were answered: somebody who leaves a page, or stops a hundred downloads. */
const CANCELLED = 100;

export class Load {
  readonly #max: number;
  /** Requests begun whose work has not ended, open streams or not. */
  #working = 0;
  #cancelled = 0;
  #answered = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** False: so much goes on for it that no further request is begun. */
  begin(): boolean {
    if (this.#working >= this.#max) return false;
    this.#working++;
    return true;
  }

  /** All that was done for one request has ended. */
  end(): void {
    this.#working--;
  }

  /** A stream has. False: its client cancels more than it lets us answer. */
  closed({ aborted, rstCode }: ServerHttp2Stream): boolean {
    if (aborted || rstCode !== 0) this.#cancelled++;
    else this.#answered++;
    return this.#cancelled <= CANCELLED + this.#answered;
  }
}
