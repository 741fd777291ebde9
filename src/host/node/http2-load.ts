/**
 * The load that one HTTP/2 connection causes. Open streams do not measure it, because a client may open and reset streams
 * without end (CVE-2023-44487) while the work for each goes on.
 */
import type { ServerHttp2Stream } from "node:http2";

/** The number of requests that a client may cancel beyond those answered. A user may stop a hundred downloads at once. */
const CANCELLED = 100;

/** The load of one connection, of which `max` requests may be in work at a time. */
export class Load {
  readonly #max: number;
  /** The number of requests whose work has begun and not ended, whether their streams are open or closed. */
  #working = 0;
  #cancelled = 0;
  #answered = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Counts a request whose work begins; false when `max` are in work, and then the request must be refused. */
  begin(): boolean {
    if (this.#working >= this.#max) return false;
    this.#working++;
    return true;
  }

  /** Counts a request whose work has ended. */
  end(): void {
    this.#working--;
  }

  /** Counts a stream that has closed; false when the client has cancelled more requests than it may. */
  closed({ aborted, rstCode }: ServerHttp2Stream): boolean {
    if (aborted || rstCode !== 0) this.#cancelled++;
    else this.#answered++;
    return this.#cancelled <= CANCELLED + this.#answered;
  }
}
