/** Pointers and acknowledgements: their keys, and what is decoded. */
import { describe, expect, it } from "vitest";
import { BundleError } from "../../src/bundle/codec.ts";
import {
  acknowledgementKey,
  decodeAcknowledgement,
  decodePointer,
  gatewayOf,
  pointerKey,
} from "../../src/bundle/publication.ts";
import { hex } from "./sample.ts";

const published = { bundle: hex("bundle"), secrets: hex("secrets") };
const pointer = { format: 1, gateway: "shop/edge", current: published, previous: null, addresses: ["127.0.0.1"] };
const acknowledgement = { format: 1, gateway: "shop/edge", bundle: hex("bundle"), addresses: [], errors: ["a"] };

const OF_BOTH: readonly (readonly [string, (sound: object) => unknown])[] = [
  ["null", () => null],
  ["a list", (sound) => [sound]],
  ["of no format", (sound) => ({ ...sound, format: undefined })],
  ["of another format", (sound) => ({ ...sound, format: 2 })],
  ["without a Gateway", (sound) => ({ ...sound, gateway: undefined })],
  ["with one address in place of a list", (sound) => ({ ...sound, addresses: "127.0.0.1" })],
  ["with an address that is no text", (sound) => ({ ...sound, addresses: [1] })],
];

describe("a pointer", () => {
  it.each([
    ["without a previous bundle", pointer],
    ["with one", { ...pointer, previous: { ...published, secrets: null } }],
  ])("is decoded %s", (_, value) => {
    expect(decodePointer(JSON.stringify(value))).toEqual(value);
  });

  it.each([
    ...OF_BOTH,
    ["without a bundle", () => ({ ...pointer, current: null })],
    ["with a bundle that is no digest", () => ({ ...pointer, current: { ...published, bundle: "bundle" } })],
    ["with secrets that are no digest", () => ({ ...pointer, current: { ...published, secrets: "../keys" } })],
    ["with a previous bundle that is no digest", () => ({ ...pointer, previous: { ...published, bundle: "../a" } })],
    ["without a word on the previous bundle", () => ({ ...pointer, previous: undefined })],
  ] as typeof OF_BOTH)("is refused %s", (_, change) => {
    expect(() => decodePointer(JSON.stringify(change(pointer)))).toThrow(BundleError);
  });

  it("is refused when it is cut short", () => {
    expect(() => decodePointer(JSON.stringify(pointer).slice(0, -1))).toThrow(BundleError);
  });
});

describe("an acknowledgement", () => {
  it.each([
    ["of a bundle", acknowledgement],
    ["of none", { ...acknowledgement, bundle: null }],
  ])("is decoded %s", (_, value) => {
    expect(decodeAcknowledgement(JSON.stringify(value))).toEqual(value);
  });

  it.each([
    ...OF_BOTH,
    ["with a bundle that is no text", () => ({ ...acknowledgement, bundle: 1 })],
    ["without errors", () => ({ ...acknowledgement, errors: undefined })],
    ["with an error that is no text", () => ({ ...acknowledgement, errors: [null] })],
  ] as typeof OF_BOTH)("is refused %s", (_, change) => {
    expect(() => decodeAcknowledgement(JSON.stringify(change(acknowledgement)))).toThrow(BundleError);
  });
});

describe("the key of a pointer", () => {
  it.each(["shop/edge", `${"n".repeat(63)}/${"g".repeat(253)}`, `a/${"g".repeat(200)}`, `a/${"g".repeat(201)}`])(
    "leads back to the Gateway %s",
    (gateway) => {
      expect(gatewayOf(pointerKey(gateway))).toBe(gateway);
    },
  );

  it.each([acknowledgementKey("shop/edge"), "gateways/edge.json", "gateways/shop/edge", "bundles/a.json"])(
    "is not %s",
    (key) => {
      expect(gatewayOf(key)).toBeNull();
    },
  );
});
