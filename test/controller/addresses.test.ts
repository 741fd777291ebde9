/** The addresses that a Gateway is served on. */
import { describe, expect, it } from "vitest";
import { assignAddresses, parsePool } from "../../src/controller/addresses.ts";

describe("addresses", () => {
  it("are read from addresses and blocks, without an IPv4 block's network and broadcast", () => {
    expect(parsePool(["10.0.0.5", "10.1.0.0/30", "fd00::/127"])).toEqual([
      "10.0.0.5",
      "10.1.0.1",
      "10.1.0.2",
      "fd00::",
      "fd00::1",
    ]);
    expect(() => parsePool(["300.1.1.1"])).toThrow(/300\.1\.1\.1/);
  });
  it("stay with the Gateway that has them, then go to requests, then by name", () => {
    const any = { requested: [], current: [] };
    const assigned = assignAddresses(
      ["10.0.0.1", "10.0.0.2", "10.0.0.3"],
      [
        { gateway: "a/first", ...any },
        { gateway: "z/holder", requested: [], current: ["10.0.0.1"] },
        { gateway: "m/asks", requested: ["10.0.0.2"], current: [] },
        { gateway: "n/asks-too", requested: ["10.0.0.2"], current: [] },
        { gateway: "o/last", ...any },
      ],
    );
    expect(Object.fromEntries(assigned)).toMatchObject({
      "z/holder": { addresses: ["10.0.0.1"] },
      "m/asks": { addresses: ["10.0.0.2"] },
      "n/asks-too": { reason: "AddressNotUsable", message: "address 10.0.0.2 is taken by Gateway m/asks" },
      "a/first": { addresses: ["10.0.0.3"] },
      "o/last": { reason: "AddressNotAssigned" },
    });
  });
});
