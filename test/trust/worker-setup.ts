/** The setup of the tests in workerd, on Node: mints chains and judges them. */
import type { TestProject } from "vitest/node";
import { judgedRows } from "./rows.ts";

export default async function setup(project: TestProject): Promise<void> {
  project.provide("trustRows", await judgedRows());
}
