/** The status that is written: what the compiler says, merged into what the object has. */
import { describe, expect, it } from "vitest";
import type { KubeObject } from "../../src/controller/api.ts";
import { mergeStatus } from "../../src/controller/merge.ts";

describe("a status", () => {
  const now = "2026-01-01T00:00:00Z";
  const object = (kind: string, status: object): KubeObject => ({
    apiVersion: "gateway.networking.k8s.io/v1",
    kind,
    metadata: { name: "edge", namespace: "shop" },
    status,
  });
  const condition = (type: string, status: "True" | "False", reason = type) => ({ type, status, reason, message: "" });
  const timed = (type: string) => ({ ...condition(type, "True"), lastTransitionTime: now });
  const serving = { addresses: null, programmed: { status: "True", reason: "Programmed", message: "" } } as const;

  it("loses the conditions of ours that no longer hold, and keeps foreign ones", () => {
    const old = ["InsecureFrontendValidationMode", "OverlappingTLSConfig", "example.com/Mine"].map(timed);
    const merged = mergeStatus(
      object("Gateway", { conditions: old, listeners: [{ name: "a", conditions: old }] }),
      { conditions: [condition("Accepted", "True")], listeners: [{ name: "a", conditions: [] }] },
      null,
      now,
    );
    expect(merged).toMatchObject({
      conditions: [timed("Accepted"), timed("example.com/Mine")],
      listeners: [{ name: "a", conditions: [timed("example.com/Mine")] }],
    });
  });

  it("of a refused ListenerSet has no listeners, and is not Programmed for the reason that it is not Accepted", () => {
    const merged = mergeStatus(
      object("ListenerSet", { listeners: [{ name: "a", conditions: [] }] }),
      { conditions: [condition("Accepted", "False", "NotAllowed")] },
      serving,
      now,
    );
    expect(merged).not.toHaveProperty("listeners");
    expect(merged).toMatchObject({ conditions: [{}, { type: "Programmed", status: "False", reason: "NotAllowed" }] });
  });

  it("says of a ListenerSet's conflicted listener that the conflict keeps it from being Programmed", () => {
    const own = [condition("Accepted", "False", "HostnameConflict")];
    const merged = mergeStatus(
      object("ListenerSet", {}),
      { conditions: [condition("Accepted", "True")], listeners: [{ name: "a", conditions: own }] },
      serving,
      now,
    );
    expect(merged).toMatchObject({
      conditions: [{}, { type: "Programmed", status: "True" }],
      listeners: [{ conditions: [{}, { type: "Programmed", status: "False", reason: "HostnameConflict" }] }],
    });
  });
});
