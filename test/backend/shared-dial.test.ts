/** A dial that others wait for belongs to one of them, or is given back. */
import { expect, test } from "vitest";
import type { PooledConnection } from "../../src/backend/pool/pooled-connection.ts";
import { SharedDial } from "../../src/backend/pool/shared-dial.ts";

test.each([0, 1, 2, 3, 4, 5, 6, 7])(
  "a connection is nobody's when its only request leaves %i steps later",
  async (steps) => {
    const pooled = { users: 1 } as unknown as PooledConnection;
    const abandoned: PooledConnection[] = [];
    const opening = Promise.withResolvers<{ kind: "open"; pooled: PooledConnection }>();
    const dial = new SharedDial({
      open: () => opening.promise,
      connectMs: 1_000,
      onAbandoned: (pooled) => void abandoned.push(pooled),
      onEnd: () => undefined,
    });
    const leaving = new AbortController();
    const joined = dial.join(leaving.signal, () => undefined);
    opening.resolve({ kind: "open", pooled });
    for (let step = 0; step < steps; step++) await Promise.resolve();
    leaving.abort("lost");
    const got = await joined;
    await new Promise((resolve) => void setTimeout(resolve));
    expect([got === null ? [] : [pooled], abandoned].flat()).toEqual([pooled]);
  },
);
