/** A request as the engine takes it. */
import type { HeaderList } from "../exchange.ts";
import type { RequestSignal } from "../request-signal.ts";

/** The head of a request. */
export interface RequestHead {
  readonly method: string;
  /** The value of `Host` or `:authority`; a `host` among the headers is ignored. */
  readonly authority: string;
  /** The target in origin form: path and query. */
  readonly path: string;
  /** Latin-1 values. Framing fields are the engine's, except a content-length, which the body must then meet. */
  readonly headers: HeaderList;
}

/** What a request may have besides head and body. */
export interface RequestOptions {
  /** Trailers, asked for when the body has ended. HTTP/1.1 sends only the fields that a `trailer` header announced. */
  readonly trailers?: () => HeaderList | Promise<HeaderList>;
  /** Aborts when nobody waits for the response. */
  readonly signal?: RequestSignal;
  /**
   * How long the response may take. `to: "head"`: until its head, from the request or from the last move of the
   * request's body; `to: "end"`: until its end.
   */
  readonly limit?: { readonly ms: number; readonly to: "head" | "end" } | null;
  /** The longest that a reader of the response's body waits for its next bytes. */
  readonly bodyIdleMs?: number;
  /** Called once, when nothing more comes on this exchange. */
  readonly onEnd?: () => void;
  /** Called with 100 and 103 responses; on HTTP/1.1 only, because hyper reports none on HTTP/2. */
  readonly onInformational?: (status: number, headers: HeaderList) => void;
}
