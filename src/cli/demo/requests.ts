/** The requests to the demo with their answers: printed for people, and sent by `npm run demo -- --check`. */
import type { BackendName } from "./backends.ts";

/** A request and its answer, printed as a line. */
export interface DemoRequest {
  readonly host: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** What the request shows. */
  readonly why: string;
  readonly expect:
    | { readonly kind: "answered"; readonly status: 200; readonly sni: string }
    | {
        readonly kind: "refused";
        readonly status: number;
        readonly code: string;
        /** The backend that is dialled and must receive no request byte; null when none is dialled. */
        readonly silent: BackendName | null;
      };
}

const answered = (sni: string): DemoRequest["expect"] => ({ kind: "answered", status: 200, sni });
const refused = (status: number, code: string, silent: BackendName | null): DemoRequest["expect"] => ({
  kind: "refused",
  status,
  code,
  silent,
});

/** All requests, in the order in which they are printed. */
export const REQUESTS: readonly DemoRequest[] = [
  {
    host: "shop.example.com",
    path: "/",
    why: "storefront: SNI and certificate chosen by its policy",
    expect: answered("storefront.shop.internal"),
  },
  {
    host: "shop.example.com",
    path: "/api/items?page=2",
    why: "catalog: the same address, another SNI, another certificate",
    expect: answered("catalog.shop.internal"),
  },
  {
    host: "shop.example.com",
    path: "/",
    headers: { "x-preview": "on" },
    why: "a header match precedes the plain rule",
    expect: answered("catalog.shop.internal"),
  },
  {
    host: "pay.example.com",
    path: "/ledger/2026",
    why: "ledger: identified by its SPIFFE ID, not by its hostname",
    expect: answered("ledger.shop.internal"),
  },
  {
    host: "pay.example.com",
    path: "/partner/rates",
    why: "partner: the policy trusts public CAs, this certificate comes from a private one",
    expect: refused(502, "unknown-ca", "partner"),
  },
  {
    host: "faults.example.com",
    path: "/wrong-ca",
    why: "signed by a CA that the policy does not name",
    expect: refused(502, "unknown-ca", "wrongCa"),
  },
  {
    host: "faults.example.com",
    path: "/wrong-name",
    why: "the right CA, a certificate for somebody else",
    expect: refused(502, "name-mismatch", "wrongName"),
  },
  {
    host: "faults.example.com",
    path: "/expired",
    why: "expired yesterday",
    expect: refused(502, "expired", "expired"),
  },
  {
    host: "faults.example.com",
    path: "/no-ca",
    why: "its policy names a missing ConfigMap: refused, never plaintext",
    expect: refused(500, "policy-ca-ref", null),
  },
  {
    host: "pay.example.com",
    path: "/nothing-here",
    why: "no rule matches",
    expect: refused(404, "no-route", null),
  },
];

/** The curl command that sends a request. */
export function curlCommand(line: DemoRequest, port: number): string {
  const headers = Object.entries({ Host: line.host, ...line.headers }).map(([name, value]) => `-H '${name}: ${value}'`);
  return `curl -s -i ${headers.join(" ")} 'http://127.0.0.1:${port}${line.path}'`;
}

/** The expected answer, in words. */
export function expectation({ expect }: DemoRequest): string {
  return expect.kind === "answered"
    ? `${expect.status}, the backend saw SNI ${expect.sni}`
    : `${expect.status}, code ${expect.code}${expect.silent === null ? "" : ", no request byte reached the backend"}`;
}
