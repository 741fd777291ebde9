/** The filters RequestHeaderModifier and ResponseHeaderModifier, over real backends. */
import { describe, expect, test } from "vitest";
import type { HeaderEdit } from "../../src/bundle/types.ts";
import { backend, gatewayOf, MAIN } from "./through.ts";

const edit = (more: Partial<HeaderEdit>): HeaderEdit => ({ set: [], add: [], remove: [], ...more });

describe("header modifiers", () => {
  test("set, add and remove the request's fields, the rule's before the backendRef's", async () => {
    const main = await backend();
    const { ask } = gatewayOf({
      ports: { [MAIN]: main.port },
      filters: [
        {
          kind: "request-headers",
          edit: edit({ set: [["x-set", "rule"]], add: [["x-add", "rule"]], remove: ["x-gone"] }),
        },
      ],
      refFilters: [{ kind: "request-headers", edit: edit({ set: [["x-set", "ref"]], add: [["x-add", "ref"]] }) }],
    });
    const headers = [
      ["x-set", "client"],
      ["x-add", "client"],
      ["x-gone", "client"],
      ["x-kept", "client"],
    ] as const;
    await ask({ headers });
    expect(main.received[0]?.headers).toMatchObject({
      "x-set": "ref",
      "x-add": "client, rule, ref",
      "x-kept": "client",
    });
    expect(main.received[0]?.headers).not.toHaveProperty("x-gone");
  });

  test("change the response's fields, the backendRef's before the rule's", async () => {
    const main = await backend((_, response) =>
      response.writeHead(200, { "x-set": "backend", "x-gone": "backend", "x-kept": "backend" }).end(),
    );
    const { ask } = gatewayOf({
      ports: { [MAIN]: main.port },
      filters: [{ kind: "response-headers", edit: edit({ set: [["x-set", "rule"]], remove: ["x-gone"] }) }],
      refFilters: [{ kind: "response-headers", edit: edit({ set: [["x-set", "ref"]], add: [["x-ref", "1"]] }) }],
    });
    const { headers } = await ask();
    expect(headers).toMatchObject({ "x-set": "rule", "x-ref": "1", "x-kept": "backend" });
    expect(headers).not.toHaveProperty("x-gone");
  });

  test("do not change a failure of the gateway's own", async () => {
    // No process listens on port 1 of loopback.
    const { ask } = gatewayOf({
      ports: { [MAIN]: 1 },
      filters: [{ kind: "response-headers", edit: edit({ set: [["x-set", "rule"]], remove: ["proxy-status"] }) }],
    });
    const { status, headers } = await ask();
    expect([status, headers["proxy-status"], headers["x-set"]]).toEqual([
      502,
      'lasthop; error=connection_refused; details="connection-refused"',
      undefined,
    ]);
  });
});
