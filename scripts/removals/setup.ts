/** In each test file: the switch, and at the end the checks that decided something in it (LASTHOP_FIRED is a directory). */
import { writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, expect } from "vitest";

const removed = Number(process.env["LASTHOP_REMOVED"] ?? -1);
const directory = process.env["LASTHOP_FIRED"];
const fired = new Set<number>();

Object.assign(globalThis, {
  lasthopCheck(id: number, without: boolean, condition: unknown): unknown {
    if (Boolean(condition) !== without) fired.add(id);
    return id === removed ? without : condition;
  },
});

afterAll(() => {
  if (directory === undefined) return;
  const file = expect.getState().testPath ?? "unknown";
  writeFileSync(join(directory, `${basename(file)}.json`), JSON.stringify([...fired]));
});
