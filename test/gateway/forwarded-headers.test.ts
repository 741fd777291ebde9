/** Header fields that are not forwarded, and those that the gateway sets. */
import { describe, expect, it } from "vitest";
import type { ExchangeRequest, HeaderList } from "../../src/backend/exchange.ts";
import { endToEnd, forwardedHeaders } from "../../src/gateway/headers.ts";
import { FRONT } from "./through.ts";

describe("fields", () => {
  const forwarded = (headers: HeaderList, authority = "h", trailers: ExchangeRequest["trailers"] = null): HeaderList =>
    forwardedHeaders({ headers, authority, trailers }, FRONT);

  it("lose what belongs to one connection", () => {
    const headers = [
      ["connection", "close, X-Secret"],
      ["x-secret", "1"],
      ["te", "gzip"],
      ["transfer-encoding", "chunked"],
      ["upgrade", "h2c"],
      ["accept", "*/*"],
    ] as const;
    expect(endToEnd(headers)).toEqual([["accept", "*/*"]]);
  });

  it("name the client, and replace what a client claims", () => {
    const headers = [
      ["x-forwarded-for", "198.51.100.1"],
      ["x-forwarded-proto", "https"],
      ["x-forwarded-host", "evil"],
      ["connection", "x-forwarded-for"],
    ] as const;
    expect(forwarded(headers, "shop.example.com")).toEqual([
      ["x-forwarded-for", "192.0.2.7"],
      ["x-forwarded-proto", "http"],
      ["x-forwarded-host", "shop.example.com"],
      ["x-forwarded-port", "80"],
      ["via", "1.1 lasthop"],
    ]);
    const before = [["x-forwarded-for", "198.51.100.1"]] as const;
    expect(forwarded(before)).toContainEqual(["x-forwarded-for", "198.51.100.1, 192.0.2.7"]);
    expect(forwarded([["te", "trailers"]])).toContainEqual(["te", "trailers"]);
    const announced = ["trailer", "x-sum"] as const;
    expect(forwarded([announced])).not.toContainEqual(announced);
    expect(forwarded([announced], "h", Promise.resolve([]))).toContainEqual(announced);
  });
});
