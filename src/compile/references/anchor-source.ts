/** Trust anchors, and the objects that hold them. */
import type { AnchorJudgement, AnchorProblem } from "../../trust/index.ts";
import type { Note } from "../diagnostics/diagnostics.ts";

/** The trust anchors that one object holds, or the well-known set. */
export interface AnchorSource {
  /** The object's name for messages: `ConfigMap team/ca`. */
  readonly name: string;
  /** SHA-256 of each certificate's DER, sorted, each once. */
  readonly anchors: readonly string[];
  /** Base64 DER by SHA-256. */
  readonly certificates: ReadonlyMap<string, string>;
  /** The field that holds the certificates; null for the well-known set. */
  readonly place: Note | null;
  /** Certificates of the object that are no anchors, in its order. The other certificates of the object are trusted. */
  readonly unusable: readonly UnusableAnchor[];
  /** Facts about each anchor, in the object's order; empty for the well-known set. */
  readonly facts: readonly AnchorFacts[];
}

/** A certificate, or a block that looks like one, that cannot be a trust anchor. */
export interface UnusableAnchor extends AnchorProblem {
  /** `certificate 2 of 3`. */
  readonly where: string;
  /** Line of its BEGIN in the text, from 1. */
  readonly line: number;
  /** The subject, printable; null where the certificate cannot be read. */
  readonly subject: string | null;
}

/** The facts about a certificate that is a trust anchor. */
export type AnchorFacts = Pick<UnusableAnchor, "where" | "line" | "subject"> &
  Extract<AnchorJudgement, { kind: "usable" }>;
