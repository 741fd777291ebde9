/** Sockets of workerd: a dial that is aborted. */
import { expect, inject, it } from "vitest";
import { DialError } from "../../src/backend/runtime.ts";
import { cloudflareDial } from "../../src/host/cloudflare/socket.ts";

it("gives a dial up when it is aborted, although nobody answers", async () => {
  const endpoint = { host: "127.0.0.1", port: inject("silentPort") };
  const dialled = cloudflareDial(endpoint, AbortSignal.timeout(200));
  await expect(dialled).rejects.toEqual(new DialError("timeout", "aborted while connecting"));
  await expect(cloudflareDial(endpoint, AbortSignal.abort())).rejects.toBeInstanceOf(DialError);
});
