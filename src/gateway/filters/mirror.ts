/**
 * The RequestMirror filter: sends a copy of a request to another backend and drops the response. A copy never delays the
 * request itself: a mirror backend that reads the body more than a window later than the main backend is cut off.
 */
import {
  type RequestSender,
  dropBody,
  type ExchangeRequest,
  type Sent,
  transportFailure,
} from "../../backend/index.ts";
import type { BackendId, BundleMirror } from "../../bundle/types.ts";
import { configurationFailure, type Failure, failureOf } from "../failures.ts";

/** The window of one copy: the part of the body that is buffered until its backend reads it. */
export const MIRROR_WINDOW_BYTES = 64 * 1024;
/** The time limit of a copy, response included. */
const MIRROR_MS = 30_000;
/** The number of unfinished copies to one backend, each of which may buffer a window. Further copies are not sent. */
export const MAX_MIRRORS = 1_024;

/** The number of unfinished copies, by backend. */
export type MirrorLoad = Map<BackendId, number>;

/** A mirrored request. */
export interface MirroredRequest {
  readonly mirror: BundleMirror;
  /** The request, as modified by the filters that precede the mirror. */
  readonly request: ExchangeRequest;
}

/** A copy to send. `body` is one of the streams of {@link fanOut}, or null when the request has no body. */
interface Copy {
  readonly mirrored: MirroredRequest;
  readonly body: ReadableStream<Uint8Array> | null;
}

interface MirrorContext {
  readonly backends: RequestSender;
  readonly load: MirrorLoad;
  /** A callback for each copy that fails. `sent` is null when the copy did not go to its backend. */
  readonly onFailure: (mirrored: MirroredRequest, failure: Failure, sent: Sent | null) => void;
}

/** Whether a request is mirrored (`HTTPRequestMirrorFilter.fraction`). `random` gives numbers in [0, 1). */
export const isMirrored = ({ numerator, denominator }: BundleMirror, random: () => number): boolean =>
  numerator >= denominator || random() * denominator < numerator;

/** Sends the copies; resolves when all have ended. */
export async function sendMirrors(copies: readonly Copy[], context: MirrorContext): Promise<void> {
  await Promise.all(copies.map((copy) => sendMirror(copy, context)));
}

async function sendMirror({ mirrored, body }: Copy, { backends, load, onFailure }: MirrorContext): Promise<void> {
  const { target } = mirrored.mirror;
  if ("refused" in target) {
    await body?.cancel();
    return onFailure(mirrored, configurationFailure(target.refused, "the mirror's backendRef is refused"), null);
  }
  const { backend } = target;
  const unfinished = load.get(backend) ?? 0;
  if (unfinished >= MAX_MIRRORS) {
    await body?.cancel();
    return onFailure(mirrored, failureOf(transportFailure("connection-limit", TOO_MANY_MIRRORS, "nothing")), null);
  }
  load.set(backend, unfinished + 1);
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), MIRROR_MS);
  try {
    const plain = { trailers: null, upgrade: null, informational: null };
    const sent = await backends.send(backend, { ...mirrored.request, ...plain, body, signal: limit.signal });
    if (sent.kind === "failed") return onFailure(mirrored, failureOf(sent.failure), sent);
    await dropBody(sent.response.body);
  } catch (error) {
    // The copy's body was cut off, or the client's body broke off. Neither fails the main request here.
    const detail = error instanceof Error ? error.message : String(error);
    onFailure(mirrored, failureOf(transportFailure("request-body-failed", detail, "maybe")), null);
  } finally {
    clearTimeout(timer);
    const remaining = (load.get(backend) ?? 1) - 1;
    if (remaining > 0) load.set(backend, remaining);
    else load.delete(backend);
  }
}

const TOO_MANY_MIRRORS = `${MAX_MIRRORS} mirrored copies are under way to this backend`;

/**
 * Splits a body into one for the main request and `copies` more. The main stream sets the pace; a copy that its reader
 * leaves more than the window behind is ended with an error.
 */
export function fanOut(
  body: ReadableStream<Uint8Array>,
  copies: number,
): { main: ReadableStream<Uint8Array>; copies: ReadableStream<Uint8Array>[] } {
  const reader = body.getReader();
  const open = new Set<ReadableStreamDefaultController<Uint8Array>>();
  const streams = Array.from({ length: copies }, () => {
    let own: ReadableStreamDefaultController<Uint8Array> | null = null;
    return new ReadableStream<Uint8Array>(
      {
        start(controller) {
          own = controller;
          open.add(controller);
        },
        cancel() {
          if (own !== null) open.delete(own);
        },
      },
      { highWaterMark: MIRROR_WINDOW_BYTES, size: (chunk) => chunk.byteLength },
    );
  });
  const cut = (reason: unknown): void => {
    for (const controller of open) controller.error(reason);
    open.clear();
  };
  const main = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (done) {
            for (const copy of open) copy.close();
            open.clear();
            return controller.close();
          }
          for (const copy of open) {
            if ((copy.desiredSize ?? 0) > 0) copy.enqueue(value.slice());
            else {
              open.delete(copy);
              copy.error(new Error("the mirror is slower than its window allows"));
            }
          }
          controller.enqueue(value);
        } catch (error) {
          cut(error);
          controller.error(error);
        }
      },
      async cancel(reason) {
        cut(reason);
        await reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
  return { main, copies: streams };
}
