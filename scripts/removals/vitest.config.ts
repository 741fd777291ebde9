/** Vitest for `npm run removals`. */
import { defineConfig } from "vitest/config";
import { withSwitches } from "./find.ts";

/** The tests of trust/ with a switch at every check. tests.ts chooses the files. */
export default defineConfig({
  plugins: [
    {
      name: "lasthop-switches",
      enforce: "pre",
      transform: (_code: string, id: string) => withSwitches(id),
    },
  ],
  test: {
    include: ["test/trust/**/*.test.ts"],
    // The ids of a module's switches depend on the files before it, so a cache by the module's own text would be wrong.
    fsModuleCache: false,
    setupFiles: ["scripts/removals/setup.ts"],
    maxWorkers: 1,
    silent: true,
    testTimeout: 30_000,
  },
});
