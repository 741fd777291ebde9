/** Checks of reload and shutdown, which must run last. */
import { equal } from "node:assert/strict";
import { connect } from "node:net";
import type { Check } from "../check.ts";
import { ask } from "../clients.ts";
import { until } from "../until.ts";
import { WORKERD } from "./lacks.ts";

/** The checks. */
export const LIFECYCLE: readonly Check[] = [
  {
    name: "reload: the next request sees the new bundle, one in flight finishes",
    async run({ port, backends, cluster, serving, runtime }) {
      const id = `reload-${runtime}`;
      const slow = ask(port(80), "plain.example.com", `/hold?id=${id}`);
      slow.catch(() => undefined); // It is awaited below.
      await until(() => backends.seen(id).times > 0);
      await serving.reload(cluster.next);
      equal((await ask(port(80), "plain.example.com", "/")).status, 404);
      equal((await ask(port(80), "renamed.example.com", "/")).status, 200);
      backends.release(id);
      equal((await slow).text, "first last");
    },
    lacks: { workerd: { reason: WORKERD.bundles } },
  },
  {
    name: "shutdown: what is in flight is answered, nothing new is",
    async run({ port, backends, serving, runtime }) {
      const id = `shutdown-${runtime}`;
      const slow = ask(port(80), "h1.example.com", `/hold?id=${id}`);
      slow.catch(() => undefined); // It is awaited below.
      await until(() => backends.seen(id).times > 0);
      const ended = serving.terminate();
      await until(async () => !(await accepts(port(80))));
      backends.release(id);
      equal((await slow).text, "first last");
      equal(await ended, 0);
    },
    lacks: { workerd: { reason: WORKERD.shutdown } },
  },
];

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => resolve(true));
    socket.on("error", () => resolve(false));
    socket.on("connect", () => socket.destroy());
  });
}
