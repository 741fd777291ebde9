/** Workers that end, one after another, while clients connect: by a signal they lose nothing, by a crash only their own. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { pause } from "../support/pause.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { answers, askMany, askOnce, KeptClients } from "./clients.ts";
import { startWorkers, surroundings, type WorkersGateway } from "./gateway.ts";

const CONNECTIONS = 10_000;
const CRASHED_CONNECTIONS = 4_000;
const AT_ONCE = 16;

const test = { isDone: false };
afterEach(() => void (test.isDone = false));

/** Ends one worker after another by `signal` until the test is done; resolves with their number. */
async function endWorkers(gateway: WorkersGateway, signal: "SIGTERM" | "SIGKILL"): Promise<number> {
  let ended = 0;
  while (!test.isDone) {
    // The worker that has served for longest, when all of them serve.
    if ((await gateway.metric("lasthop_workers")) === 2) {
      const [pid = 0] = gateway.pids();
      process.kill(pid, signal);
      ended++;
      await expect.poll(() => gateway.pids(), { timeout: 20_000 }).not.toContain(pid);
    }
    await pause(50, "a worker that has just started is to serve something before it is ended");
  }
  return ended;
}

it(`resets none of ${CONNECTIONS} new connections while workers are told to end`, { timeout: 180_000 }, async () => {
  const { release } = await surroundings();
  const gateway = await startWorkers(await release("one"));
  const ending = endWorkers(gateway, "SIGTERM");
  const outcomes = await askMany(CONNECTIONS, AT_ONCE, () => askOnce(gateway.port, "/"));
  test.isDone = true;
  expect(await ending).toBeGreaterThan(2);
  expect(outcomes).toEqual(new Map([[200, CONNECTIONS]]));
  expect(await gateway.metric("lasthop_requests_total")).toBe(CONNECTIONS);
  expect(await gateway.metric("lasthop_worker_crashes_total")).toBe(0);
  await expect.poll(() => gateway.logged().split("\n").length - 1).toBe(CONNECTIONS);
});

it("nor of new connections with TLS", { timeout: 180_000 }, async () => {
  const { release, root } = await surroundings();
  const gateway = await startWorkers(await release("one"));
  const ending = endWorkers(gateway, "SIGTERM");
  const tls = { ca: root.certPem };
  const outcomes = await askMany(1_000, AT_ONCE, () => askOnce(gateway.securePort, "/", tls));
  test.isDone = true;
  expect(await ending).toBeGreaterThan(0);
  expect(outcomes).toEqual(new Map([[200, 1_000]]));
});

it(`loses only requests of the workers that crash, of ${CRASHED_CONNECTIONS}`, { timeout: 180_000 }, async () => {
  const { release } = await surroundings();
  const gateway = await startWorkers(await release("one"));
  const ending = endWorkers(gateway, "SIGKILL");
  const outcomes = await askMany(CRASHED_CONNECTIONS, AT_ONCE, () => askOnce(gateway.port, "/"));
  test.isDone = true;
  const ended = await ending;
  expect(ended).toBeGreaterThan(0);
  const answered = outcomes.get(200) ?? 0;
  // A worker that is killed has at most all clients at that moment; none is refused, and none answered otherwise.
  expect(CRASHED_CONNECTIONS - answered).toBeLessThanOrEqual(ended * AT_ONCE);
  expect(
    [...outcomes.keys()].filter((outcome) => outcome !== 200 && outcome !== "reset" && outcome !== "ended"),
  ).toEqual([]);
  expect(await gateway.metric("lasthop_worker_crashes_total")).toBe(ended);
  // Each line is whole: one that a worker could not finish is not written.
  for (const line of gateway.logged().trimEnd().split("\n")) expect(JSON.parse(line)).toHaveProperty("status", 200);
});

it("answers what a worker has begun before it ends, and keeps the connections of the other", async () => {
  const { release } = await surroundings();
  const gateway = await startWorkers(await release("one"));
  const clients = new KeptClients(gateway.port, 8);
  const slow = clients.askAll("/slow?ms=3000");
  await pause(500, "the requests are to be on their way to the backend");
  const [pid = 0] = gateway.pids();
  process.kill(pid, "SIGTERM");
  expect(await slow).toEqual(answers(8, "one"));
  clients.close();
  await expect.poll(() => gateway.pids()).not.toContain(pid);
  await expect.poll(() => gateway.metric("lasthop_workers")).toBe(2);
  expect(gateway.said()).toContain(`worker ${pid} was told to end; another takes its place`);
});

describe("a worker that cannot start", () => {
  /** A module that ends a worker at its start while the file `path` is there. */
  const breakingModule = async (path: string): Promise<string> => {
    const module = join(await temporaryDirectory(), "break.cjs");
    const isBroken = `require("node:fs").existsSync(${JSON.stringify(path)})`;
    writeFileSync(module, `if (process.argv[1]?.endsWith("serve/worker.ts") && ${isBroken}) process.exit(3);\n`);
    return module;
  };

  it("ends the command with status 1 when no other serves", async () => {
    const { release } = await surroundings();
    const marker = join(await temporaryDirectory(), "broken");
    writeFileSync(marker, "");
    const started = startWorkers(await release("one"), ["--workers", "2"], {
      env: { NODE_OPTIONS: `--require=${await breakingModule(marker)}` },
    });
    const message = await started.then(String, (error: unknown) => String(error));
    expect(message).toContain("could not start (exit status 3); another takes its place now");
    expect(message).toContain("no worker can start: 5 in a row have not (exit status 3)");
  });

  it("is tried again ever more seldom while others serve", { timeout: 60_000 }, async () => {
    const { release } = await surroundings();
    const marker = join(await temporaryDirectory(), "broken");
    const gateway = await startWorkers(await release("one"), ["--workers", "2"], {
      env: { NODE_OPTIONS: `--require=${await breakingModule(marker)}` },
    });
    writeFileSync(marker, "");
    const [pid = 0] = gateway.pids();
    process.kill(pid, "SIGKILL");
    await expect.poll(() => gateway.said(), { timeout: 20_000 }).toContain("takes its place in 1 s");
    expect(gateway.said()).toMatch(/by SIGKILL\); .* now\n(.*could not start.* in (0\.25|0\.5|1) s\n){3}/);
    // The other worker accepts for both.
    expect(await askMany(100, 8, () => askOnce(gateway.port, "/"))).toEqual(new Map([[200, 100]]));
    expect(await gateway.status("/readyz")).toBe(200);
  });
});
