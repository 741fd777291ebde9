/** What operators see of `lasthop serve --workers`: one access log of whole lines, and the metrics of all workers. */
import { expect, it } from "vitest";
import { openSink, type Sink } from "../attacks/logs.ts";
import { askMany, askOnce } from "./clients.ts";
import { startWorkers, surroundings } from "./gateway.ts";

it("writes whole lines, one for each request, however long they are", { timeout: 60_000 }, async () => {
  const { release } = await surroundings();
  const gateway = await startWorkers(await release("one"));
  const path = (index: number): string => `/${index}/${"a".repeat((index * 997) % 12_000)}`;
  expect(await askMany(600, 16, (index) => askOnce(gateway.port, path(index)))).toEqual(new Map([[200, 600]]));
  await expect.poll(() => gateway.logged().split("\n").length - 1).toBe(600);
  const lines = gateway.logged().trimEnd().split("\n");
  const paths = lines.map((line) => (JSON.parse(line) as { path: string }).path);
  expect(new Set(paths)).toEqual(new Set(Array.from({ length: 600 }, (_, index) => path(index))));
});

const SINKS: readonly Sink[] = ["full disk", "reader gone", "reader stands still"];
it.each(SINKS)("drops and counts lines because of a %s, and says so once", { timeout: 60_000 }, async (kind) => {
  const sink = openSink(kind);
  const { release } = await surroundings();
  const gateway = await startWorkers(await release("one"), ["--workers", "2"], { stdout: sink.descriptor });
  const path = `/${"a".repeat(14_000)}`;
  expect(await askMany(300, 8, () => askOnce(gateway.port, path))).toEqual(new Map([[200, 300]]));
  const least = kind === "reader stands still" ? 100 : 290;
  await expect.poll(() => gateway.metric("lasthop_access_log_dropped_total")).toBeGreaterThan(least);
  expect(gateway.said().match(/the access log cannot be written/g)).toHaveLength(1);
  expect(await gateway.terminate()).toBe(0);
  sink.close();
});

it("sums the counters of workers, of ended ones too, and says of each bundle once that it is served", async () => {
  const { release } = await surroundings();
  const gateway = await startWorkers(await release("one"));
  const ask = (count: number): Promise<unknown> => askMany(count, 8, () => askOnce(gateway.port, "/"));
  await ask(100);
  expect(await gateway.metric("lasthop_requests_total")).toBe(100);
  expect(await gateway.metric("lasthop_request_duration_seconds_count")).toBe(100);
  expect(Math.min(...(await gateway.requestsByWorker()))).toBeGreaterThan(0);
  const cpu = await gateway.metric("process_cpu_seconds_total");
  for (const signal of ["SIGKILL", "SIGTERM"] as const) {
    const [pid = 0] = gateway.pids();
    process.kill(pid, signal);
    await expect.poll(() => gateway.pids()).not.toContain(pid);
    await expect.poll(() => gateway.metric("lasthop_workers")).toBe(2);
  }
  // What was counted before stays counted.
  expect(await gateway.metric("lasthop_requests_total")).toBe(100);
  expect(await gateway.metric("process_cpu_seconds_total")).toBeGreaterThan(cpu);
  await ask(50);
  expect(await gateway.metric("lasthop_requests_total")).toBe(150);
  expect((await gateway.requestsByWorker()).reduce((sum, count) => sum + count, 0)).toBe(150);
  expect(await gateway.metric("lasthop_bundle_info")).toBe(1);
  expect(await gateway.metric("lasthop_plaintext_backends")).toBe(0);
  expect(await gateway.metric("lasthop_worker_crashes_total")).toBe(1);
  for (const path of ["/readyz", "/healthz"]) expect(await gateway.status(path)).toBe(200);
});

it("is not ready while no worker serves", { timeout: 60_000 }, async () => {
  const { release } = await surroundings();
  const gateway = await startWorkers(await release("one"), ["--workers", "1"]);
  const [pid = 0] = gateway.pids();
  process.kill(pid, "SIGKILL");
  await expect.poll(() => gateway.status("/readyz"), { interval: 1 }).toBe(503);
  await expect.poll(() => gateway.status("/readyz")).toBe(200);
  expect(await askOnce(gateway.port, "/")).toBe(200);
});
