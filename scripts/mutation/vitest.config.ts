import { defineConfig } from "vitest/config";

/** `npm run mutation`: the tests of trust/ that are exact and quick. Random ones would kill mutants by luck. */
export default defineConfig({
  test: {
    include: ["test/trust/**/*.test.ts"],
    // limbo.test.ts is about the script; golden-verdicts.test.ts repeats what others check, and costs seconds for each mutant.
    exclude: ["test/trust/limbo.test.ts", "test/trust/properties.test.ts", "test/trust/golden-verdicts.test.ts"],
    isolate: false,
    silent: "passed-only",
    testTimeout: 30_000,
  },
});
