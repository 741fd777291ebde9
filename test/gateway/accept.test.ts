/** Requests that the gateway refuses before it looks for a rule: a Host that is none, or one of another listener. */
import { describe, expect, it } from "vitest";
import { hostnameOf } from "../../src/gateway/accept.ts";
import { bodyOf } from "../backend/fixtures/last-hop.ts";
import { expectLinear } from "../support/growth.ts";
import { backend, gatewayOf, MAIN } from "./through.ts";

describe("the hostname of an authority", () => {
  it.each([
    ["Shop.Example.com:80", "shop.example.com"],
    ["[2001:DB8::1]:443", "[2001:db8::1]"],
    ["[::1]:", "[::1]"],
    ["a", "a"],
    ["a_b", "a_b"],
    ["a.b.", "a.b"],
  ])("of %s is %s", (authority, hostname) => {
    expect(hostnameOf(authority)).toBe(hostname);
  });

  const dots = [".", "a..b", ".a", "a.."];
  const characters = ["a/b", "a b", "user@a", 'a"b', "a%41", "*.a", "é.com", "a\0", "a\nb", "a,b"];
  const ports = ["a:b", "a:123456", "a:1:2", "[::1"];
  it.each(["", ...dots, ...characters, ...ports])("is none in %j", (authority) => {
    expect(hostnameOf(authority)).toBeNull();
  });

  it.each(["a.", "a"])("is read in time proportional to the authority's length: %j", (unit) => {
    expectLinear((length) => hostnameOf(`${unit.repeat(length)}!`));
  });
});

const TLS = { certificates: ["0".repeat(64)], clientValidation: null };
const validating = { ...TLS, clientValidation: { anchorSet: "1".repeat(64), mode: "AllowValidOnly" } } as const;

it.each([
  ["certificates", TLS, []],
  ["validation of clients", validating, ["listener-certificates"]],
] as const)("a listener whose %s the host cannot do is refused", async (_, tls, capabilities) => {
  const main = await backend();
  const listener = { port: 443, protocol: "HTTPS", tls } as const;
  const { ask, log } = gatewayOf({ ports: { [MAIN]: main.port }, listener, capabilities });
  expect((await ask({}, { scheme: "https", port: 443, sni: "client.example.com" })).status).toBe(500);
  expect(log).toMatchObject([{ status: 500, code: "listener-capability" }]);
  expect(main.received).toEqual([]);
});

it("a request for another listener than its connection's is misdirected", async () => {
  const main = await backend();
  const { ask, log } = gatewayOf({
    ports: { [MAIN]: main.port },
    listener: { port: 443, protocol: "HTTPS", tls: TLS, hostname: "client.example.com" },
    otherListeners: [
      { name: "other", port: 443, protocol: "HTTPS", tls: TLS, hostname: "other.example.com", filters: [], hosts: [] },
    ],
  });
  const front = { scheme: "https", port: 443 } as const;
  expect((await ask({}, { ...front, sni: "client.example.com" })).status).toBe(200);
  expect((await ask({ method: "POST", body: bodyOf("x") }, { ...front, sni: "other.example.com" })).status).toBe(421);
  expect(log.at(-1)).toMatchObject({ status: 421, code: "misdirected-request" });
  expect(main.received).toHaveLength(1);
});
