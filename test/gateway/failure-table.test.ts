/** The failure table: it agrees with the code, and the docs with it. */
import { basename } from "node:path";
import { describe, expect, it } from "vitest";
import { failureDocs } from "../../scripts/failure-docs.ts";
import { CODES } from "../../src/backend/engine/abi.ts";
import { TRANSPORT_CODES, transportFailure } from "../../src/backend/failure.ts";
import { CONFIG_CODES } from "../../src/bundle/types.ts";
import { REFUSAL_CODES } from "../../src/trust/index.ts";
import { fromReport } from "../../src/backend/engine/errors.ts";
import { failureOf as transportFailureOf } from "../../src/backend/connect/failures.ts";
import { FAILURES } from "../../src/gateway/failure-table/table.ts";
import { configurationFailure, failureOf, failureResponse } from "../../src/gateway/failures.ts";

describe("the failure table", () => {
  it.each(Object.entries(CODES))("has the engine's %s in the row of the code that it ends as", (name, number) => {
    const { code } = transportFailureOf(fromReport(number, 0, 0, "detail"));
    const rows = Object.entries(FAILURES).filter(([, { engine = [] }]) => engine.some((each) => each === name));
    expect(rows.map(([key]) => key)).toEqual([code]);
  });

  it.each(Object.entries(FAILURES))(
    "says of %s in a table what it means, why it comes and what to do",
    (_code, row) => {
      // A `|` in a text would end the cell of the table.
      for (const text of [row.meaning, row.cause, row.fix]) expect(text).toMatch(/^[^\s|][^|]*[^\s|]$/u);
    },
  );

  it("decides what the client is told", () => {
    const refusal = { code: "name-mismatch", position: 0, expected: "one", presented: "another" } as const;
    const response = failureResponse(failureOf({ kind: "chain-refused", refusal }));
    expect(response.status).toBe(502);
    expect(response.headers).toContainEqual([
      "proxy-status",
      'lasthop; error=tls_certificate_error; details="name-mismatch"',
    ]);
  });
});

describe("a failure", () => {
  const failures = [
    ...CONFIG_CODES.map((code) => configurationFailure(code, "")),
    ...TRANSPORT_CODES.map((code) => failureOf(transportFailure(code, "", "nothing"))),
    ...REFUSAL_CODES.map((code) =>
      failureOf({ kind: "chain-refused", refusal: { code, position: null, expected: "", presented: "" } }),
    ),
  ];

  it.each(failures)("with the code $code has a status and a proxy error type", (failure) => {
    const { status, headers } = failureResponse(failure);
    expect(status).toBeGreaterThanOrEqual(400);
    const details = `details="${failure.code}"`;
    expect(headers.find(([name]) => name === "proxy-status")?.[1]).toMatch(
      new RegExp(`^lasthop; error=[a-z_]+; ${details}$`, "u"),
    );
  });

  it("has a code of its own", () => {
    expect(new Set(failures.map(({ code }) => code)).size).toBe(failures.length);
  });
});

describe("the tables of the docs", () => {
  it.each(failureDocs().map(({ file, ...texts }) => [basename(file), texts] as const))(
    "%s is as npm run docs:failures writes it",
    (_name, { written, wanted }) => {
      expect(written).toBe(wanted);
    },
  );

  it("are all there", () => {
    const marks = failureDocs().flatMap(({ written }) => [...written.matchAll(/<!-- failure table: (\S+) -->/gu)]);
    expect(marks.map(([, name]) => name)).toEqual(["request", "transport", "configuration", "engine", "refusals"]);
  });
});
