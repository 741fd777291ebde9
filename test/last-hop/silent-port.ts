/** A port on which nobody answers. */
import { connect } from "node:net";
import { Worker } from "node:worker_threads";
import { pause } from "../support/pause.ts";

/** A port whose SYNs go unanswered: a listener that never accepts, with its backlog full. */
export async function silentPort(): Promise<{ readonly port: number; close(): Promise<void> }> {
  const thread = new Worker(
    `const server = require("node:net").createServer();
     server.listen(0, "127.0.0.1", 1, () => {
       require("node:worker_threads").parentPort.postMessage(server.address().port);
       Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
     });`,
    { eval: true },
  );
  const port = await new Promise<number>((resolve) => void thread.once("message", resolve));
  const fill = Array.from({ length: 4 }, () => connect(port, "127.0.0.1").on("error", () => undefined));
  await pause(100, "No event tells that the kernel drops the SYN of a connection.");
  return {
    port,
    async close() {
      for (const socket of fill) socket.destroy();
      await thread.terminate();
    },
  };
}
