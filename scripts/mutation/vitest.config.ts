/** Vitest for `npm run mutation`. */
import { defineConfig } from "vitest/config";

/** The tests for `npm run mutation`: those of trust/ that are exact and quick. Random tests would kill mutants by chance. */
export default defineConfig({
  test: {
    include: ["test/trust/**/*.test.ts"],
    // limbo.test.ts tests a script; golden-verdicts.test.ts takes seconds for each mutant, and other tests check the same.
    exclude: ["test/trust/limbo.test.ts", "test/trust/properties.test.ts", "test/trust/golden-verdicts.test.ts"],
    isolate: false,
    silent: "passed-only",
    testTimeout: 30_000,
  },
});
