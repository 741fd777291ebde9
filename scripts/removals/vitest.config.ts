import { defineConfig } from "vitest/config";
import { withSwitches } from "./find.ts";

/** The tests of trust/, with a switch at every check: which of them are asked, tests.ts says. */
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
    // A module's switches are numbered after those of the files before it, which its own text does not tell.
    fsModuleCache: false,
    setupFiles: ["scripts/removals/setup.ts"],
    maxWorkers: 1,
    silent: true,
    testTimeout: 30_000,
  },
});
