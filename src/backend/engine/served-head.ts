/** The head of a client's request, whose parts are read when they are asked for. */
import type { HeaderList } from "../exchange.ts";
import { HEAD_FLAGS } from "./abi.ts";
import { latin1 } from "./codec.ts";

const LINE_END = "\r\n";

/** A head that the module has checked: a request line, and field lines with a name directly before the colon. */
export class ServedHead {
  readonly method: string;
  /** As the client sent it, in any form. */
  readonly target: string;
  readonly #flags: number;
  readonly #text: string;
  /** The end of the request line in `#text`. */
  readonly #lineEnd: number;

  /** `bytes`: the flags and the lines, as the module reports them. */
  constructor(bytes: Uint8Array) {
    this.#flags = bytes[0] ?? 0;
    this.#text = latin1(bytes.subarray(1));
    this.#lineEnd = this.#text.indexOf(LINE_END);
    const methodEnd = this.#text.indexOf(" ");
    this.method = this.#text.slice(0, methodEnd);
    this.target = this.#text.slice(methodEnd + 1, this.#text.indexOf(" ", methodEnd + 1));
  }

  get isHttp10(): boolean {
    return (this.#flags & HEAD_FLAGS.http10) !== 0;
  }

  /** Whether the request came over HTTP/2. Its authority then stands as the first `host`. */
  get isHttp2(): boolean {
    return (this.#flags & HEAD_FLAGS.http2) !== 0;
  }

  /** Whether the client sends its body only after a 100. */
  get expectsContinue(): boolean {
    return (this.#flags & HEAD_FLAGS.expectsContinue) !== 0;
  }

  get hasBody(): boolean {
    return (this.#flags & HEAD_FLAGS.hasBody) !== 0;
  }

  /** Whether trailers may follow the body. */
  get isChunked(): boolean {
    return (this.#flags & HEAD_FLAGS.chunked) !== 0;
  }

  /** Whether the client asks to change to a WebSocket, in a request that can be upgraded. */
  get wantsWebSocket(): boolean {
    return (this.#flags & HEAD_FLAGS.websocket) !== 0;
  }

  /** All fields in order, `host` among them. */
  headers(): HeaderList {
    const headers: [string, string][] = [];
    const text = this.#text;
    for (let at = this.#lineEnd + LINE_END.length; at < text.length;) {
      const end = text.indexOf(LINE_END, at);
      const colon = text.indexOf(":", at);
      headers.push([text.slice(at, colon).toLowerCase(), trimmed(text, colon + 1, end)]);
      at = end + LINE_END.length;
    }
    return headers;
  }
}

/** The text between `start` and `end` without white space around it (RFC 9110 §5.6.3: SP and HTAB). */
function trimmed(text: string, start: number, end: number): string {
  let [from, to] = [start, end];
  while (from < to && isSpace(text.charCodeAt(from))) from++;
  while (to > from && isSpace(text.charCodeAt(to - 1))) to--;
  return text.slice(from, to);
}

const SPACE = 0x20;
const TAB = 0x09;
const isSpace = (code: number): boolean => code === SPACE || code === TAB;
