/** Reads the presented chain with lasthop's own parser. Each certificate is charged before it is read. */
import { sameBytes } from "../../bundle/bytes.ts";
import type { Budget } from "../budget.ts";
import type { CertificateStore } from "../signatures/store.ts";
import { shapeOf } from "../x509/name-comparison.ts";
import { type Failure, overBudget } from "./failure.ts";
import type { AnchorIndex, SourcedCertificate } from "./issuers.ts";

/** A presented chain that was read. `others` are in the order they were presented in. */
export interface PresentedChain {
  readonly kind: "read";
  readonly endEntity: SourcedCertificate;
  readonly others: readonly SourcedCertificate[];
  /** The failure of the first certificate that could not be read: the likely reason when no issuer is found. */
  readonly unreadable: Failure | null;
}

/** A presented chain whose end entity could not be read, or could not be read within the budget. */
export interface UnreadableChain {
  readonly kind: "failed";
  readonly failure: Failure;
}

/**
 * Reads a presented chain. The end entity is the first certificate, whose key signed the handshake. Copies of a
 * certificate and of an anchor are left out.
 */
export function readChain(
  presented: readonly Uint8Array[],
  by: { readonly store: CertificateStore; readonly anchors: AnchorIndex; readonly budget: Budget },
): PresentedChain | UnreadableChain {
  const { store, anchors, budget } = by;
  const seen: Uint8Array[] = [];
  let endEntity: SourcedCertificate | null = null;
  let unreadable: Failure | null = null;
  const others: SourcedCertificate[] = [];
  for (const [position, der] of presented.entries()) {
    if (seen.some((earlier) => sameBytes(earlier, der))) continue;
    seen.push(der);
    if (!budget.spend("octets", der.length)) return { kind: "failed", failure: overBudget(budget) };
    const parsed = store.read(der);
    if (parsed.kind === "malformed") {
      const expected = "a strict DER certificate (RFC 5280)";
      const failure: Failure = {
        problem: { code: "malformed", expected, presented: parsed.why },
        position,
        progress: { kind: "reading" },
      };
      if (position === 0) return { kind: "failed", failure };
      unreadable ??= failure;
      continue;
    }
    const link: SourcedCertificate = { known: parsed.value, position, source: null };
    if (position === 0) endEntity = link;
    else if (anchorWith(link, anchors) === null) others.push(link);
  }
  if (endEntity === null) throw new Error("checkSizes lets no empty chain pass");
  return { kind: "read", endEntity, others, unreadable };
}

/** The anchor with the same bytes as this certificate; null: there is none. */
export function anchorWith(
  { known: { certificate } }: SourcedCertificate,
  anchors: AnchorIndex,
): SourcedCertificate | null {
  const named = anchors.get(shapeOf(certificate.subject)) ?? [];
  return named.find(({ known }) => sameBytes(known.certificate.der, certificate.der)) ?? null;
}
