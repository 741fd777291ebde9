/** Runs on Node before the tests in workerd: mints chains and judges them. */
import type { TestProject } from "vitest/node";
import { judgedRows } from "./rows.ts";

export default async function setup(project: TestProject): Promise<void> {
  project.provide("trustRows", await judgedRows());
}
