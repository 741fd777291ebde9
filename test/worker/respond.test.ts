/** Responses in workerd: a client that takes nothing of one ends the exchange behind it. */
import { expect, it } from "vitest";
import { respond } from "../../src/host/cloudflare/respond.ts";
import { pause } from "../support/pause.ts";

const SEND_MS = 400;

/** A response without end, and whether its exchange was cancelled. */
function endless(headers: readonly (readonly [string, string])[]): { response: Response; cancelled: () => boolean } {
  let isCancelled = false;
  const body = new ReadableStream({
    type: "bytes",
    pull(controller) {
      controller.enqueue(new Uint8Array(16 * 1024));
    },
    cancel() {
      isCancelled = true;
    },
  });
  const exchange = { status: 200, headers, body, trailers: null, upgrade: null };
  const request = new Request("http://client.example.com/");
  return { response: respond(exchange, request, () => undefined, SEND_MS), cancelled: () => isCancelled };
}

it.each([
  ["of known length", [["content-length", String(64 << 20)]]],
  ["in chunks", []],
] as const)("ends a response %s that its client stops taking", async (_, headers) => {
  const { response, cancelled } = endless(headers);
  const reader = response.body?.getReader();
  await reader?.read();
  await expect.poll(cancelled).toBe(true);
  await expect(
    (async () => {
      for (let done = false; !done;) done = (await reader?.read())?.done ?? true;
    })(),
  ).rejects.toThrow();
});

it("goes on while the client takes some, however slowly", async () => {
  const { response, cancelled } = endless([]);
  const reader = response.body?.getReader();
  await reader?.read();
  // The time of the client is over when a client that came later, and takes nothing more, is cut.
  const later = endless([]);
  await later.response.body?.getReader().read();
  while (!later.cancelled()) {
    await reader?.read();
    await pause(SEND_MS / 8, "The client is slow.");
  }
  expect(cancelled()).toBe(false);
  await reader?.cancel();
  await expect.poll(cancelled).toBe(true);
});
