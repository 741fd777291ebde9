/** CRLs of `lasthop.dev/crl-refs`: under `crl.pem` of ConfigMaps, read by the same reader as in every verdict. */
import { type Crl, crlIssuers, describeDn, isSameName, readCrl } from "../../trust/index.ts";
import { type Invalid, invalid, textUnderKey } from "./object-text.ts";
import { isSignedBy } from "./crl-signature.ts";
import type { Note } from "../diagnostics/diagnostics.ts";
import type { Cluster, Entry } from "../load/load.ts";

/** The lists of one ConfigMap. */
export interface CrlSource {
  /** The object's name for messages: `ConfigMap team/crl`. */
  readonly name: string;
  /** The field that holds the lists. */
  readonly place: Note;
  readonly lists: readonly CrlList[];
  /** Lists that no verdict could use. */
  readonly faults: readonly CrlFault[];
}

/** One list that can be read. */
export interface CrlList {
  /** `list 2 of 3`. */
  readonly where: string;
  /** Line of its BEGIN in the text, from 1. */
  readonly line: number;
  /** Printable. */
  readonly issuer: string;
  readonly base64: string;
  readonly crl: Crl;
}

/** A list that cannot be used. */
export interface CrlFault {
  readonly where: string;
  readonly line: number;
  /** The issuer; null where it cannot be read. */
  readonly issuer: string | null;
  readonly why: string;
}

/** What a reference to CRLs leads to. */
type CrlResult = { readonly kind: "read"; readonly source: CrlSource } | Invalid;

/** The results of reading each ConfigMap: an object is read once. */
const crlResults = new WeakMap<Entry<unknown>, CrlResult>();

/** The lists under `crl.pem` of a ConfigMap, `name` being `namespace/name`. */
export function readCrls(cluster: Cluster, name: string): CrlResult {
  const entry: Entry<unknown> | undefined = cluster.ConfigMap.get(name);
  let result = entry === undefined ? undefined : crlResults.get(entry);
  if (result === undefined) {
    result = readLists(cluster, name);
    if (entry !== undefined) crlResults.set(entry, result);
  }
  return result;
}

/**
 * Faults of lists that can be read, given all lists of a policy and the DER of its anchors. Lists of intermediate CAs are not
 * checked here: whether a CA signed its list is known only when a backend presents that CA.
 */
export function crlFaults(lists: readonly CrlList[], anchors: readonly Uint8Array[]): ReadonlyMap<CrlList, CrlFault> {
  const faults = new Map<CrlList, CrlFault>();
  for (const list of lists) {
    const why = signatureFault(list.crl, anchors) ?? deltaFault(list.crl, lists);
    if (why !== null) faults.set(list, { where: list.where, line: list.line, issuer: list.issuer, why });
  }
  return faults;
}

const BLOCK = /-----BEGIN X509 CRL-----([A-Za-z0-9+/=\s]*)-----END X509 CRL-----/g;

function readLists(cluster: Cluster, name: string): CrlResult {
  const text = textUnderKey(cluster, "ConfigMap", name, "crl.pem");
  if (text.kind === "invalid") return text;
  const of = `crl.pem of ConfigMap ${name}`;
  if (text.value.includes("PRIVATE KEY"))
    return invalid(`${of} holds a private key: remove it, and replace the key`, text.note);
  if (text.value.replaceAll(BLOCK, "").includes("-----"))
    return invalid(`${of} holds a block that is no X509 CRL`, text.note);
  const blocks = [...text.value.matchAll(BLOCK)];
  if (blocks.length === 0) return invalid(`${of} holds no X509 CRL`, text.note);
  const lists: CrlList[] = [];
  const faults: CrlFault[] = [];
  let line = 1;
  let at = 0;
  for (const [index, block] of blocks.entries()) {
    line += text.value.slice(at, block.index).split("\n").length - 1;
    at = block.index;
    const place = { where: `list ${index + 1} of ${blocks.length}`, line };
    const base64 = (block[1] ?? "").replaceAll(/\s/g, "");
    const der = Buffer.from(base64, "base64");
    const reading = readCrl(new Uint8Array(der));
    // The bundle carries the base64 as it is written, so it must be canonical.
    if (der.toString("base64") !== base64) faults.push({ ...place, issuer: null, why: "its base64 is broken" });
    else if (reading.kind === "used") {
      lists.push({ ...place, issuer: printable(describeDn(reading.crl.issuer)), base64, crl: reading.crl });
    } else {
      const issuer = reading.issuer === null ? null : printable(describeDn(reading.issuer));
      faults.push({ ...place, issuer, why: reading.why });
    }
  }
  return { kind: "read", source: { name: `ConfigMap ${name}`, place: text.note, lists, faults } };
}

function signatureFault(crl: Crl, anchors: readonly Uint8Array[]): string | null {
  const { named, keys } = crlIssuers(crl, anchors);
  if (named === 0 || keys.some((key) => isSignedBy(crl, key))) return null;
  return keys.length === 0
    ? "the CA of that name in the policy has no cRLSign"
    : "no CA of that name in the policy signed it";
}

/** The fault of a delta CRL for which there is no complete CRL that is as new as its base (RFC 5280 §5.2.4). */
function deltaFault({ issuer, baseNumber }: Crl, lists: readonly CrlList[]): string | null {
  if (baseNumber === null) return null;
  const isBase = ({ crl }: CrlList): boolean =>
    crl.baseNumber === null && crl.number >= baseNumber && isSameName(crl.issuer, issuer);
  return lists.some(isBase) ? null : `it is a delta to CRL number ${baseNumber}, and no complete list is that new`;
}

const MAX_ISSUER = 160;

/** A name on one line of at most 160 printable characters, because the CRL may come from an untrusted author. */
function printable(name: string): string {
  const text = name.replaceAll(/[^\x20-\x7e]/g, "?");
  return text.length > MAX_ISSUER ? `${text.slice(0, MAX_ISSUER - 1)}…` : text;
}
