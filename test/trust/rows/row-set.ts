/** The rows that are being minted, with the CAs that most of them share. */
import type { Row } from "../judge.ts";
import { HOST, type Minted, NOW, ca, server } from "../../support/certificates.ts";
import type { Bytes } from "../../support/der.ts";

/** What differs from a policy under `root` alone, at the usual time and without CRLs or staple. */
type More = Partial<Omit<Row, "anchors" | "crls" | "staple">> & {
  readonly anchors?: readonly Minted[];
  readonly crls?: readonly Bytes[];
  readonly staple?: Bytes;
};

/** Rows under two CAs: a root, and one that the root issued. */
export interface RowSet {
  readonly rows: readonly Row[];
  readonly root: Minted;
  readonly issuing: Minted;
  /** Adds a row: the chain as presented, and what differs in the policy. */
  readonly row: (title: string, chain: readonly Minted[], more?: More) => void;
  /** Adds a row for an end entity below `issuer`, which is presented too. */
  readonly under: (title: string, issuer: Minted, more?: Parameters<typeof server>[1]) => void;
}

/** The base64 of octets. */
export const base64 = (octets: Bytes): string => Buffer.from(octets).toString("base64");

/** An empty set of rows. */
export function rowSet(): RowSet {
  const rows: Row[] = [];
  const root = ca("root");
  const set: RowSet = {
    rows,
    root,
    issuing: ca("issuing", root),
    row: (title, chain, more = {}) => {
      const { anchors = [root], crls, staple, ...rest } = more;
      rows.push({
        name: title,
        identifiers: [{ type: "dns", value: HOST }],
        spkiPins: [],
        profile: "private",
        maxChainDepth: 10,
        nowMs: NOW,
        ...rest,
        anchors: anchors.map(({ der }) => base64(der)),
        crls: crls?.map(base64) ?? null,
        presented: chain.map(({ der }) => base64(der)),
        staple: staple === undefined ? null : base64(staple),
      });
    },
    under: (title, issuer, more = {}) => set.row(title, [server(issuer, more), issuer]),
  };
  return set;
}
