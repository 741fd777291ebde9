/** The same verdict as in Node, texts included, about chains of every kind (test/trust/rows.ts). */
import { expect, inject, it } from "vitest";
import { Instance } from "../../src/backend/engine/instance.ts";
import { witnessOf } from "../../src/backend/engine/witness.ts";
import { cloudflareRuntime } from "../../src/host/cloudflare/runtime.ts";
import { judge } from "../trust/judge.ts";

it("gives Node's verdict in workerd", async () => {
  const instance = new Instance(cloudflareRuntime);
  const witness = witnessOf(() => instance);
  const rows = inject("trustRows");
  expect(rows.length).toBeGreaterThan(150);
  const verdicts: string[] = [];
  for (const row of rows) verdicts.push(`${row.name}: ${await judge(row, witness)}`);
  expect(verdicts).toEqual(rows.map(({ name, verdict }) => `${name}: ${verdict}`));
});
