/** Checks of the Durable Object that pools connections on workerd: its eviction, and what it loses then. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { DEFAULT_POOL_LIMITS } from "../../../src/backend/limits.ts";
import type { At, Check } from "../check.ts";
import { pause } from "../../support/pause.ts";
import { ask } from "../clients.ts";
import { until } from "../until.ts";

/** The time after which workerd evicts an object without request, timer and open socket (`preventEviction`). */
const EVICTION_MS = 10_000;

/** Whether a request's connection to the backend resumed a TLS session, whose ticket is in the object's memory. */
async function resumes({ port }: At): Promise<boolean> {
  const { text } = await ask(port(80), "h1.example.com", "/");
  return (JSON.parse(text) as { resumed: boolean }).resumed;
}

/** The checks. */
export const OBJECT: readonly Check[] = [
  {
    name: "an idle object closes its connections and is evicted, and the next verifies anew",
    only: ["workerd"],
    limitMs: 90_000,
    async run(at) {
      const open = (): number => at.backends.sockets("h1").length;
      const closeAll = async (): Promise<void> => {
        for (const socket of at.backends.sockets("h1")) socket.destroy();
        await until(() => open() === 0);
      };
      // A full handshake brings two tickets, a resumed one none.
      do await closeAll();
      while (await resumes(at));
      await closeAll();
      ok(await resumes(at), "one object keeps its tickets");

      const start = performance.now();
      equal(open(), 1);
      await pause(EVICTION_MS + 2_000, "An object that is not evicted sends no event.");
      equal(open(), 1, "an open connection keeps the object");
      await until(() => open() === 0);
      const idleMs = performance.now() - start;
      ok(idleMs > DEFAULT_POOL_LIMITS.idleMs - 1_000, `closed after ${idleMs} ms`);
      ok(idleMs < 2 * DEFAULT_POOL_LIMITS.idleMs + 5_000, `closed after ${idleMs} ms`);

      await pause(EVICTION_MS + 2_000, "An object that is evicted sends no event.");
      deepEqual([await resumes(at), open()], [false, 1]);
    },
  },
];
