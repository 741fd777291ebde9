/** Free ports on loopback, for servers that are told their port before they start. */
import { once } from "node:events";
import { createServer } from "node:net";

/**
 * The ports to choose from. They lie below those that systems give to outgoing connections (Linux from 32768, IANA from
 * 49152), one of which could take the port before its server has it.
 */
const FIRST = 15_000;
const COUNT = 17_000;
const TRIES = 100;

/** A TCP port on 127.0.0.1 that is free at this moment, chosen at random. */
export async function freePort(): Promise<number> {
  for (let tries = 0; ; tries++) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    const server = createServer();
    try {
      const listening = once(server, "listening");
      server.listen(port, "127.0.0.1");
      await listening;
    } catch (error) {
      if (tries === TRIES) throw error;
      continue;
    }
    const closed = once(server, "close");
    server.close();
    await closed;
    return port;
  }
}
