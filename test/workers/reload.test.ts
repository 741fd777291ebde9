/** A reload with workers: all take the new bundle before the command says so, or all keep the old one. */
import { expect, it } from "vitest";
import { answers, type Answer, askMany, askOnce, KeptClients } from "./clients.ts";
import { startWorkers, surroundings } from "./gateway.ts";

/** A further HTTP listener, whose port a release brings or takes away. */
const LATER = "{ name: later, protocol: HTTP, port: 8080 }, ";

it(
  "loses no request under load, and serves the old bundle to none once it says loaded",
  { timeout: 120_000 },
  async () => {
    const { release } = await surroundings();
    const [one, two] = [await release("one"), await release("two")];
    const gateway = await startWorkers(one);
    const [kept, asking] = [new KeptClients(gateway.port, 8), new KeptClients(gateway.port, 8)];
    const load: Answer[] = [];
    const test = { isDone: false };
    const loading = Promise.all(
      Array.from({ length: 8 }, async () => {
        while (!test.isDone) load.push(await kept.ask("/slow?ms=5"));
      }),
    );
    const newcomers = askMany(400, 4, () => askOnce(gateway.port, "/slow?ms=5"));
    for (let round = 0; round < 6; round++) {
      const [version, next] = round % 2 === 0 ? (["two", two] as const) : (["one", one] as const);
      await gateway.reload(next);
      expect(await asking.askAll("/")).toEqual(answers(8, version));
    }
    test.isDone = true;
    await loading;
    expect(await newcomers).toEqual(new Map([[200, 400]]));
    expect(new Set(load.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(load.map(({ version }) => version))).toEqual(new Set(["one", "two"]));
    expect(gateway.said().match(/: loaded/g)).toHaveLength(6);
    kept.close();
    asking.close();
  },
);

it("keeps the last good bundle in all workers, also in one that starts later", async () => {
  const { release } = await surroundings();
  const good = await release("one");
  const gateway = await startWorkers(good);
  await gateway.reload({ ...good, bundle: "{" }, /the last good bundle keeps serving/);
  await gateway.reload({ ...good, secrets: "{" }, /the last good bundle keeps serving/);
  const clients = new KeptClients(gateway.port, 8);
  expect(await clients.askAll("/")).toEqual(answers(8, "one"));
  clients.close();
  for (const pid of gateway.pids()) process.kill(pid, "SIGKILL");
  await expect.poll(() => gateway.metric("lasthop_worker_crashes_total")).toBe(2);
  await expect.poll(() => gateway.metric("lasthop_workers")).toBe(2);
  const again = new KeptClients(gateway.port, 8);
  expect(await again.askAll("/")).toEqual(answers(8, "one"));
  again.close();
});

it("serves a bundle that was loaded since from a worker that starts later", async () => {
  const { release } = await surroundings();
  const gateway = await startWorkers(await release("one"));
  await gateway.reload(await release("two"));
  for (const pid of gateway.pids()) process.kill(pid, "SIGTERM");
  await expect.poll(() => gateway.said().match(/was told to end/g)).toHaveLength(2);
  await expect.poll(() => gateway.metric("lasthop_workers")).toBe(2);
  const clients = new KeptClients(gateway.port, 8);
  expect(await clients.askAll("/")).toEqual(answers(8, "two"));
  clients.close();
});

it("opens a port that a bundle brings in all workers, and closes one that it takes away", async () => {
  const { release } = await surroundings();
  const gateway = await startWorkers(await release("one"));
  const ask = (): Promise<unknown> => askMany(40, 4, () => askOnce(gateway.laterPort, "/"));
  expect(await ask()).toEqual(new Map([["refused", 40]]));
  await gateway.reload(await release("two", LATER));
  expect(await ask()).toEqual(new Map([[200, 40]]));
  await gateway.reload(await release("three"));
  expect(await ask()).toEqual(new Map([["refused", 40]]));
});

it("changes nothing when a port cannot be bound, and binds it at the next reload", async () => {
  const { release } = await surroundings();
  const gateway = await startWorkers(await release("one"));
  const { createServer } = await import("node:net");
  const taken = createServer().listen(gateway.laterPort, "127.0.0.1");
  await gateway.reload(await release("two", LATER), /EADDRINUSE.*the last good bundle keeps serving/);
  const clients = new KeptClients(gateway.port, 8);
  expect(await clients.askAll("/")).toEqual(answers(8, "one"));
  await new Promise((closed) => taken.close(closed));
  await gateway.reload(await release("three", LATER));
  expect(await clients.askAll("/")).toEqual(answers(8, "three"));
  expect(await askOnce(gateway.laterPort, "/")).toBe(200);
  clients.close();
});
