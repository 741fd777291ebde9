/** Rows of minted chains as text, so that Node can hand them to workerd, and their verdicts as text, to compare. */
import { nodeSha256 } from "../../src/host/node-crypto.ts";
import { type TrustIdentifier, type TrustPolicy, type Witness, createVerifier } from "../../src/trust/index.ts";

/** A chain with its policy. */
export interface Row {
  readonly name: string;
  readonly identifiers: readonly TrustIdentifier[];
  /** The DER of the anchors in base64, as all DER below. */
  readonly anchors: readonly string[];
  readonly crls: readonly string[] | null;
  readonly spkiPins: readonly string[];
  readonly profile: TrustPolicy["profile"];
  readonly maxChainDepth: number;
  readonly presented: readonly string[];
  readonly staple: string | null;
  readonly nowMs: number;
}

/** A row with the verdict that Node gave. */
export interface JudgedRow extends Row {
  readonly verdict: string;
}

declare module "vitest" {
  interface ProvidedContext {
    trustRows: readonly JudgedRow[];
  }
}

/** The verdict about a row, whole, in one line. */
export async function judge(row: Row, witness: Witness): Promise<string> {
  const verifier = createVerifier({
    policy: "a".repeat(64),
    trust: {
      ...row,
      anchors: row.anchors.map((der) => ({ der: decode(der), source: "ConfigMap test/ca" })),
      crls: row.crls?.map(decode) ?? null,
    },
    sha256: nodeSha256,
    witness,
  });
  const ocspResponse = row.staple === null ? null : decode(row.staple);
  const verdict = await verifier.verify(row.presented.map(decode), row.nowMs, { ocspResponse });
  if (verdict.kind === "verified") {
    const { path, matched, anchorSource, notAfterMs, witness: testimony } = verdict.peer.path;
    const until = new Date(notAfterMs).toISOString();
    return `verified: ${path.length} certificates, ${matched.reference.type}:${matched.reference.value} by ${matched.presented}, ${anchorSource}, until ${until}${testimony.kind === "judged" ? "" : `, ${testimony.kind}: ${testimony.features.join(", ")}`}`;
  }
  const { code, position, rule, expected, presented } = verdict.refusal;
  return `${code}@${position}${rule === undefined ? "" : ` ${rule}`}: expected ${expected}; presented ${presented}`;
}

const decode = (text: string): Uint8Array => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
