/** The two connections of a request that was upgraded (RFC 9110 §7.8), after the backend has agreed. */
import type { ByteStream } from "../../backend/index.ts";

/** The time that one side has after the other has ended, because a ByteStream cannot end a single direction. */
const OTHER_SIDE_MS = 5_000;

/**
 * Passes bytes on between a client and its backend until both have ended, or one some time after the other. Resolves then,
 * and never rejects; the caller closes both.
 */
export async function relayStreams(client: ByteStream, backend: ByteStream): Promise<void> {
  const up = passOn(client, backend).catch(() => undefined); // The other side sees that its connection is closed.
  const down = passOn(backend, client)
    .then(() => client.close())
    .catch(() => undefined);
  await Promise.race([up, down]);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const linger = new Promise<void>((resolve) => (timer = setTimeout(resolve, OTHER_SIDE_MS)));
  await Promise.race([Promise.all([up, down]), linger]).finally(() => clearTimeout(timer));
}

async function passOn(from: ByteStream, to: ByteStream): Promise<void> {
  for (let bytes = await from.read(); bytes !== null; bytes = await from.read()) await to.write(bytes);
}
