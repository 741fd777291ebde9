import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

/** How long a test waits for what must come: long enough on a loaded machine, and the test fails only when it does not come. */
const expect = { poll: { timeout: 10_000 } };

export default defineConfig({
  test: {
    // What a passing test logs (the worker's access log) is noise.
    silent: "passed-only",
    projects: [
      {
        test: {
          name: "node",
          include: ["test/**/*.test.ts"],
          exclude: ["test/worker/**"],
          testTimeout: 30_000,
          expect,
        },
      },
      {
        plugins: [cloudflareTest({ wrangler: { configPath: "./test/worker/wrangler.jsonc" } })],
        test: {
          name: "workerd",
          include: ["test/worker/**/*.test.ts"],
          globalSetup: ["./test/last-hop/worker-setup.ts", "./test/trust/worker-setup.ts"],
          testTimeout: 30_000,
          expect,
        },
      },
    ],
  },
});
