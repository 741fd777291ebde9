/** Servers of tests, on loopback. */
import type { AddressInfo, Server } from "node:net";

/** Starts a server on a free port of 127.0.0.1. Resolves with the port. */
export async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(0, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
  return (server.address() as AddressInfo).port;
}
