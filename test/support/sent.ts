/** What tests of backend/ read of the result of a request; for every runtime. */
import type { Sent } from "../../src/backend/exchange.ts";

/** The text of a response, whose exchange has ended then. Throws when the request failed. */
export async function textOf(sent: Sent): Promise<string> {
  if (sent.kind !== "response") throw new Error(JSON.stringify(sent));
  return new Response(sent.response.body).text();
}

/** The result of a request that failed before a response, for toMatchObject. */
export const failedWith = (code: string) => ({ kind: "failed", failure: { kind: "transport", code } });
