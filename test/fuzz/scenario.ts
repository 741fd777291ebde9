/**
 * The meaning of a fuzzed input: two octets of options, then DER elements. A scenario is bytes alone, so that a coverage
 * guided fuzzer can change any part of it, and the kept corpus holds certificates and no keys.
 */
import type { TrustPolicy } from "../../src/trust/index.ts";
import { HOST } from "../support/certificates.ts";
import { type Bytes, concat, bytes } from "../support/der.ts";

/** The options of a scenario. */
export interface Options {
  readonly profile: TrustPolicy["profile"];
  /** Whether every signature counts as good: otherwise mutations never reach the checks behind the signatures. */
  readonly forged: boolean;
  /** The number of anchors (0 to 3), which are the first elements; then come as many CRLs (0 to 3), and the staple. */
  readonly anchors: number;
  readonly crls: number;
  readonly staple: boolean;
  readonly pinned: boolean;
  readonly depth: number;
}

/** What a verifier is asked. */
export interface Scenario {
  readonly options: Options;
  readonly trust: TrustPolicy;
  readonly presented: readonly Bytes[];
  readonly staple: Bytes | null;
}

/** The octets of a scenario. */
export function encodeScenario(options: Options, elements: readonly Bytes[]): Bytes {
  const first =
    (options.profile === "strict" ? 1 : 0) |
    (options.forged ? 2 : 0) |
    (options.anchors << 2) |
    (options.crls << 4) |
    (options.staple ? 64 : 0) |
    (options.pinned ? 128 : 0);
  return concat(bytes(first, options.depth), ...elements);
}

/** The scenario of these octets: every input is one. */
export function decodeScenario(data: Bytes): Scenario {
  const [first = 0, depth = 0] = data;
  const options: Options = {
    profile: (first & 1) === 0 ? "private" : "strict",
    forged: (first & 2) !== 0,
    anchors: (first >> 2) & 3,
    crls: (first >> 4) & 3,
    staple: (first & 64) !== 0,
    pinned: (first & 128) !== 0,
    depth: depth & 15,
  };
  const elements = splitElements(data.subarray(2));
  const take = (count: number): Bytes[] => elements.splice(0, count);
  const anchors = take(options.anchors);
  const crls = take(options.crls);
  const staple = options.staple ? (take(1)[0] ?? null) : null;
  return {
    options,
    trust: {
      identifiers: [
        { type: "dns", value: HOST },
        { type: "uri", value: "spiffe://example.com/backend" },
        { type: "ip", value: "10.0.0.1" },
        { type: "rfc822", value: "user@example.com" },
        { type: "dns", value: "*.wild.example.com" },
      ],
      anchors: anchors.map((der) => ({ der, source: "fuzz" })),
      profile: options.profile,
      spkiPins: options.pinned ? ["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="] : [],
      crls: options.crls === 0 ? null : crls,
      maxChainDepth: options.depth === 0 ? 10 : options.depth,
    },
    presented: elements,
    staple,
  };
}

/** The elements, by their outermost lengths; octets that are no element are the last one. */
function splitElements(data: Bytes): Bytes[] {
  const elements: Bytes[] = [];
  for (let at = 0; at < data.length;) {
    const end = endOf(data, at);
    elements.push(data.subarray(at, end));
    at = end;
  }
  return elements;
}

function endOf(data: Bytes, start: number): number {
  const length = data[start + 1] ?? 0;
  if (length < 0x80) return Math.min(start + 2 + length, data.length);
  let size = 0;
  for (let index = 0; index < (length & 3); index++) size = size * 256 + (data[start + 2 + index] ?? 0);
  return Math.min(start + 2 + (length & 3) + size, data.length);
}
