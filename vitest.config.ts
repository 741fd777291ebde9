import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "node",
          include: ["test/**/*.test.ts"],
          exclude: ["test/worker/**"],
          testTimeout: 30_000,
        },
      },
      {
        plugins: [cloudflareTest({ wrangler: { configPath: "./test/worker/wrangler.jsonc" } })],
        test: {
          name: "workerd",
          include: ["test/worker/**/*.test.ts"],
          globalSetup: "./test/worker/global.ts",
          testTimeout: 30_000,
        },
      },
    ],
  },
});
