/** A request as it is matched: its normalized target, its header fields and its query parameters. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { matchRequest, normalizeTarget } from "../../src/gateway/match/request.ts";

it.each(["/%", "/a%2", "/%zz", "/%%32f", "/%%30%30", "/%0%61", "/%2%46etc"])(
  "refuses %s, whose percent sign begins no escape",
  (path) => {
    expect(normalizeTarget("GET", path)).toBeNull();
    expect(normalizeTarget("GET", `/a?b=${path}`), "a query is not matched by escapes").not.toBeNull();
  },
);

it("normalizes a target idempotently, to a valid URI", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: "binary" }),
        fc.string({
          unit: fc.constantFrom(
            "/",
            ".",
            "\\",
            "%2e",
            "%2F",
            "%5c",
            "%",
            "%0",
            "0",
            "%32f",
            "\t",
            "\n",
            "%61",
            "a",
            "?",
            "#",
            ";",
          ),
        }),
      ),
      (text) => {
        const target = normalizeTarget("GET", `/${text}`);
        if (target === null) {
          // oxlint-disable-next-line no-control-regex -- control characters are what is refused
          expect(text).toMatch(/[\\\0-\x1f\x7f]|%00|%2f|%5c|%(?![0-9a-f]{2})/i);
          return;
        }
        expect(target).toMatch(/^\/[!-~]*$/);
        expect(normalizeTarget("GET", target)).toBe(target);
        const [path = ""] = target.split("?", 1);
        expect(path.split("/")).not.toContain("..");
        expect(path).not.toContain("//");
        expect(matchRequest("GET", target, []).path, "what is matched is what is sent").toBe(path);
      },
    ),
  );
});

it("joins repeated headers and takes the first of repeated parameters", () => {
  const request = matchRequest("GET", "/?a=1&a=2&b=%20c", [
    ["x", "1"],
    ["x", "2"],
  ]);
  expect(request.headers.get("x")).toBe("1, 2");
  expect([...request.query()]).toEqual([
    ["a", "1"],
    ["b", " c"],
  ]);
});
