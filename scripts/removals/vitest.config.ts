import { readFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { defineConfig } from "vitest/config";
import { TRUST, withSwitches } from "./find.ts";

/** The exact tests of trust/, with a switch at every check: LASTHOP_REMOVED is the number of the one that is removed. */
export default defineConfig({
  plugins: [
    {
      name: "lasthop-switches",
      enforce: "pre",
      transform: (_code: string, id: string) =>
        dirname(id) === TRUST ? withSwitches(basename(id), readFileSync(id, "utf8")) : null,
    },
  ],
  test: {
    include: ["test/trust/**/*.test.ts"],
    // The scripts' own tests run them in other processes, without switches; random tests would see by luck.
    exclude: ["test/trust/limbo.test.ts", "test/trust/pkits.test.ts", "test/trust/properties.test.ts"],
    setupFiles: ["scripts/removals/setup.ts"],
    maxWorkers: 1,
    silent: true,
    testTimeout: 30_000,
  },
});
