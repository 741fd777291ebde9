/** The result of a request to backend/, for tests in every runtime. */
import type { Sent } from "../../src/backend/exchange.ts";

/** The text of a response. Resolves when its exchange has ended, and rejects when the request failed. */
export async function textOf(sent: Sent): Promise<string> {
  if (sent.kind !== "response") throw new Error(JSON.stringify(sent));
  return new Response(sent.response.body).text();
}

/** The result of a request that failed before its response, for toMatchObject. */
export const failedWith = (code: string) => ({ kind: "failed", failure: { kind: "transport", code } });
