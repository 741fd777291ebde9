/** Parts of chains that are made to be expensive. */
import type { TrustPolicy } from "../../../src/trust/index.ts";
import type { Minted } from "../../support/certificates.ts";
import { type Bytes, concat, oid, seq, tlv, utf8 } from "../../support/der.ts";

/** A combining mark, which makes Unicode normalization slow. */
export const MARK = "\u0301";
/** The number of octets that fit beside the rest of the chain into the 64 kB that may be presented. */
export const ROOM = 60_000;

/** A list of `count` items. */
export const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));
/** An RDN of one attribute. */
export const rdn = (type: string, value: Bytes): Bytes => tlv(0x31, seq(oid(type), value));
/** One RDN of 32 attributes, in DER's order. */
export const wideRdn = (value: (index: number) => string): Bytes =>
  tlv(
    0x31,
    ...times(32, (index) => seq(oid("2.5.4.3"), utf8(value(index)))).toSorted((one, other) =>
      Buffer.compare(one, other),
    ),
  );
/** Contents that are 16 RELATIVE-OIDs in a SEQUENCE, or octets that are an arc each. */
export const manyArcs = (tag: number): Bytes =>
  tag === 0x30 ? concat(...times(16, () => tlv(0x0d, new Uint8Array(3_500).fill(1)))) : new Uint8Array(56_000).fill(1);

/** Adds a chain under the policy's one anchor. */
export type Add = (title: string, presented: readonly Minted[], more?: Partial<TrustPolicy>) => void;
