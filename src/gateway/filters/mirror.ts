/**
 * RequestMirror: a copy of the request to another backend, whose answer nobody reads. It never hurts the request it is
 * made of: a mirror that is slower than the main request by more than a window is cut off.
 */
import type { Backends, Sent } from "../../backend/backends.ts";
import { dropBody, type ExchangeRequest } from "../../backend/exchange.ts";
import { transportFailure } from "../../backend/failure.ts";
import type { BackendId, BundleMirror } from "../../bundle/types.ts";
import { configurationFailure, type Failure, failureOf } from "../failures.ts";

/** Of a body, kept for a mirror that has not read it yet. */
export const MIRROR_WINDOW_BYTES = 64 * 1024;
/** A mirror that takes longer is given up. */
export const MIRROR_MS = 30_000;
/** Copies under way to one backend: each may hold a window of its body for as long as a mirror takes. */
export const MAX_MIRRORS = 1_024;

/** Copies under way, by backend. */
export type MirrorLoad = Map<BackendId, number>;

export interface Mirrored {
  readonly mirror: BundleMirror;
  /** As the filters before the mirror had made it. */
  readonly request: ExchangeRequest;
}

export const isMirrored = ({ numerator, denominator }: BundleMirror, random: () => number): boolean =>
  numerator >= denominator || random() * denominator < numerator;

/** Sends each; resolves when all have ended. `told` hears of those that failed: a refused one has sent nothing. */
export async function sendMirrors(
  mirrors: readonly Mirrored[],
  bodies: readonly (ReadableStream<Uint8Array> | null)[],
  backends: Backends,
  load: MirrorLoad,
  told: (mirrored: Mirrored, failure: Failure, sent: Sent | null) => void,
): Promise<void> {
  await Promise.all(
    mirrors.map(async (mirrored, index) => {
      const { target } = mirrored.mirror;
      const body = bodies[index] ?? null;
      if ("refused" in target) {
        await body?.cancel();
        return told(mirrored, configurationFailure(target.refused, "the mirror's backendRef is refused"), null);
      }
      const { backend } = target;
      const underWay = load.get(backend) ?? 0;
      if (underWay >= MAX_MIRRORS) {
        await body?.cancel();
        return told(mirrored, failureOf(transportFailure("connection-limit", CROWDED, "nothing")), null);
      }
      load.set(backend, underWay + 1);
      const limit = new AbortController();
      const timer = setTimeout(() => limit.abort(), MIRROR_MS);
      try {
        const plain = { trailers: null, upgrade: null, informational: null };
        const sent = await backends.send(backend, { ...mirrored.request, ...plain, body, signal: limit.signal });
        if (sent.kind === "failed") return told(mirrored, failureOf(sent.failure), sent);
        await dropBody(sent.response.body);
      } catch (error) {
        // The body was cut off, or is the client's that broke: of no interest to the main request.
        const detail = error instanceof Error ? error.message : String(error);
        told(mirrored, failureOf(transportFailure("request-body-failed", detail, "maybe")), null);
      } finally {
        clearTimeout(timer);
        const rest = (load.get(backend) ?? 1) - 1;
        if (rest > 0) load.set(backend, rest);
        else load.delete(backend);
      }
    }),
  );
}

const CROWDED = `${MAX_MIRRORS} mirrored copies are under way to this backend`;

/** One body as several. The first is read at its own pace; the others get what it gets, within the window. */
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
  const cut = (why: unknown): void => {
    for (const controller of open) controller.error(why);
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
