/** Directories of tests. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** A new directory for the test that runs, or that a `beforeEach` prepares; it is removed after every `afterEach`. */
export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "lasthop-test-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}
