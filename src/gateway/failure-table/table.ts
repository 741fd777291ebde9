/**
 * The failure table: every code that clients, the access log and metrics can show, with its status, its proxy error type
 * (RFC 9209), the engine's numbers that lead to it, its meaning, usual cause and fix. `npm run docs:failures` writes the
 * tables of docs/failures.md and docs/trust.md from it.
 */
import type { TransportCode } from "../../backend/index.ts";
import type { ConfigCode } from "../../bundle/types.ts";
import type { RefusalCode } from "../../trust/index.ts";
import { REFUSED_CONFIGURATION } from "./configuration.ts";
import { REFUSALS } from "./refusals.ts";
import { REQUEST_FAILURES } from "./request.ts";
import type { FailureRow } from "./row.ts";
import { TRANSPORT_FAILURES } from "./transport.ts";

/** Codes of failures that are found before the request goes to a backend, or between client and gateway. */
export type RequestCode = keyof typeof REQUEST_FAILURES;

/** Every code. Stable: never rename one. */
export type FailureCode = RequestCode | ConfigCode | RefusalCode | TransportCode;

/** One row for each code. Example: `FAILURES["no-route"].status` is 404. */
export const FAILURES: Readonly<Record<FailureCode, FailureRow>> = {
  ...REQUEST_FAILURES,
  ...TRANSPORT_FAILURES,
  ...REFUSALS,
  ...REFUSED_CONFIGURATION,
};
