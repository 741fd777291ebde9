/** Names that count as misspellings of one another. */
import { expect, test } from "vitest";
import { isNear } from "../../src/compile/kubernetes/spelling.ts";

test.for([
  ["app", "ap", true],
  ["app", "apps", true],
  ["app", "App", true],
  ["app", "app-svc", true],
  ["app", "shop-app", true],
  ["app", "app.shop.svc.cluster.local", true],
  ["payments", "paymetns", true],
  ["payments", "paymnts", true],
  ["payments", "payment", true],
  ["ca", "cart", false],
  ["app", "web", false],
  ["orders", "ledger", false],
  ["", "app", false],
  ["payments-v1", "payments-v2", true],
  ["a".repeat(64), "a".repeat(63), true],
  ["a".repeat(64), "a".repeat(64), false],
] as const)("%s, %s: %s", ([a, b, near]) => {
  expect(isNear(a, b)).toBe(near);
  expect(isNear(b, a)).toBe(near);
});
