/** `lasthop serve --workers`: each worker serves its part, over TLS to the backend, with TLS to clients, and over HTTP/2. */
import { once } from "node:events";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";
import { expect, it } from "vitest";
import { askHttp2 } from "../runtimes/clients.ts";
import { askMany, askOnce, KeptClients } from "./clients.ts";
import { HOST, startWorkers, surroundings } from "./gateway.ts";

const percent = (counts: readonly number[]): number[] => {
  const all = counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count) => (count / all) * 100);
};

it("spreads 32 kept connections evenly over the workers, whose backend speaks TLS", { timeout: 60_000 }, async () => {
  const { release, requests } = await surroundings();
  const gateway = await startWorkers(await release("one"));
  const clients = new KeptClients(gateway.port, 32);
  for (let round = 0; round < 10; round++) {
    const answers = await clients.askAll(`/slow?ms=20&round=${round}`);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  }
  clients.close();
  expect(requests()).toBe(320);
  // 16 and 16 connections, or 15 and 17: one that has more by one keeps the next.
  expect(Math.min(...(await gateway.requestsByWorker()))).toBeGreaterThanOrEqual(150);
});

it("spreads 2,000 short connections to 40 to 60 % for each of two workers", { timeout: 120_000 }, async () => {
  const { release } = await surroundings();
  const gateway = await startWorkers(await release("one"));
  expect(await askMany(2_000, 16, () => askOnce(gateway.port, "/"))).toEqual(new Map([[200, 2_000]]));
  const shares = percent(await gateway.requestsByWorker());
  expect(Math.min(...shares)).toBeGreaterThan(40);
  expect(Math.max(...shares)).toBeLessThan(60);
});

it("serves HTTP/2 with prior knowledge and by ALPN, and the certificate that SNI names, in each worker", async () => {
  const { release, root } = await surroundings();
  const gateway = await startWorkers(await release("one"));
  for (let count = 0; count < 6; count++) {
    expect((await askHttp2(gateway.port, HOST, "/h2c")).status).toBe(200);
    expect((await askHttp2(gateway.securePort, HOST, "/h2", { ca: root.certPem })).status).toBe(200);
    const other = connect({ port: gateway.securePort, host: "127.0.0.1", servername: "other.test", ca: root.certPem });
    await once(other, "secureConnect");
    expect(other.getPeerCertificate().subjectaltname).toBe("DNS:other.test");
    other.destroy();
  }
  expect(Math.min(...(await gateway.requestsByWorker()))).toBeGreaterThan(0);
});

/** Makes a connection with a request; resolves with whether its session was resumed, and with the next ticket. */
async function resume(
  port: number,
  options: ConnectionOptions,
): Promise<{ isResumed: boolean; session: Buffer | undefined }> {
  const socket: TLSSocket = connect({ port, host: "127.0.0.1", servername: HOST, ...options });
  let session: Buffer | undefined;
  socket.on("session", (ticket: Buffer) => (session = ticket));
  await once(socket, "secureConnect");
  const isResumed = socket.isSessionReused();
  socket.write(`GET / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`);
  await once(socket.resume(), "close");
  return { isResumed, session };
}

it.each(["TLSv1.3", "TLSv1.2"] as const)(
  "resumes sessions of %s in whichever worker, and none after the certificates have changed",
  { timeout: 60_000 },
  async (maxVersion) => {
    const { release, root } = await surroundings();
    const first = await release("one");
    const gateway = await startWorkers(first);
    const tls = { ca: root.certPem, maxVersion };
    const { isResumed, session } = await resume(gateway.securePort, tls);
    expect(isResumed).toBe(false);
    const again = async (): Promise<boolean[]> => {
      const all: boolean[] = [];
      for (let count = 0; count < 8; count++)
        all.push((await resume(gateway.securePort, session === undefined ? tls : { ...tls, session })).isResumed);
      return all;
    };
    expect(await again()).toEqual(Array(8).fill(true));
    expect(Math.min(...(await gateway.requestsByWorker()))).toBeGreaterThan(0);
    // A worker that has taken the place of another knows the keys, too.
    const [pid = 0] = gateway.pids();
    process.kill(pid, "SIGKILL");
    await expect.poll(() => gateway.said()).toContain("another takes its place now");
    await expect.poll(() => gateway.metric("lasthop_workers")).toBe(2);
    expect(await again()).toEqual(Array(8).fill(true));
    // Each release has certificates of its own.
    await gateway.reload(await release("two"));
    expect(await again()).toEqual(Array(8).fill(false));
    await gateway.reload(first);
    expect(await again()).toEqual(Array(8).fill(false));
  },
);
