/** How `lasthop serve --workers` starts and stops: its messages, its exit status, and no request that it cuts. */
import { once } from "node:events";
import { createServer } from "node:net";
import { expect, it } from "vitest";
import { pause } from "../support/pause.ts";
import { answers, KeptClients } from "./clients.ts";
import { startWorkers, surroundings } from "./gateway.ts";

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

it.each(["the command", "its process group"])("answers all that has begun when SIGTERM comes to %s", async (target) => {
  const { release, requests } = await surroundings();
  const gateway = await startWorkers(await release("one"));
  const clients = new KeptClients(gateway.port, 16);
  const slow = clients.askAll("/slow?ms=1500");
  await expect.poll(requests).toBe(16);
  const pid = gateway.child.pid ?? 0;
  const ended = once(gateway.child, "close");
  process.kill(target === "the command" ? pid : -pid, "SIGTERM");
  expect(await slow).toEqual(answers(16, "one"));
  clients.close();
  expect(await ended).toEqual([0, null]);
  expect(gateway.logged().trimEnd().split("\n")).toHaveLength(16);
});

it("cuts what has not ended within the drain's limit", async () => {
  const { release, requests } = await surroundings();
  const gateway = await startWorkers(await release("one"), ["--workers", "2", "--drain-timeout", "1"]);
  const clients = new KeptClients(gateway.port, 4);
  const slow = clients.askAll("/slow?ms=20000").then(
    () => "answered",
    () => "cut",
  );
  await expect.poll(requests).toBe(4);
  expect(await gateway.terminate()).toBe(0);
  expect(await slow).toBe("cut");
  clients.close();
});

it("ends at once at a second signal, and its workers with it", async () => {
  const { release, requests } = await surroundings();
  const gateway = await startWorkers(await release("one"));
  const clients = new KeptClients(gateway.port, 4);
  const slow = clients.askAll("/slow?ms=20000").catch(() => "cut");
  await expect.poll(requests).toBe(4);
  const pids = gateway.pids();
  const ended = once(gateway.child, "close");
  gateway.child.kill("SIGINT");
  await pause(200, "the first signal is to arrive by itself");
  gateway.child.kill("SIGINT");
  expect(await ended).toEqual([0, null]);
  expect(await slow).toBe("cut");
  await expect.poll(() => pids.filter(isAlive)).toEqual([]);
  clients.close();
});

it("leaves no worker behind when the supervisor is killed", async () => {
  const { release, requests } = await surroundings();
  const gateway = await startWorkers(await release("one"));
  const clients = new KeptClients(gateway.port, 4);
  const slow = clients.askAll("/slow?ms=1000");
  await expect.poll(requests).toBe(4);
  const pids = gateway.pids();
  gateway.child.kill("SIGKILL");
  expect(await slow).toEqual(answers(4, "one"));
  clients.close();
  await expect.poll(() => pids.filter(isAlive)).toEqual([]);
});

it.each([
  ["a listener's port", (port: number) => ["--port-map", `${port}=80`]],
  ["the operators' port", (port: number) => ["--metrics-address", `127.0.0.1:${port}`]],
])("says as one process does that %s is in use, and ends with status 1", async (_, option) => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const address = taken.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  const { release } = await surroundings();
  const one = await release("one");
  const failureOf = (workers: readonly string[]): Promise<string> =>
    startWorkers(one, [...workers, ...option(port)]).then(String, (error: unknown) => String(error));
  const message = await failureOf(["--workers", "2"]);
  expect(message).toContain(`listen EADDRINUSE: address already in use 127.0.0.1:${port}; see --address`);
  expect(message).toBe(await failureOf([]));
  taken.close();
});

it("refuses a port that another lasthop with workers has", async () => {
  const { release } = await surroundings();
  const one = await release("one");
  const gateway = await startWorkers(one);
  const second = startWorkers(one, ["--workers", "2", "--port-map", `${gateway.port}=80`]);
  expect(await second.then(String, (error: unknown) => String(error))).toContain("EADDRINUSE");
});
