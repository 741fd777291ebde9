/** The Public Suffix List, for `strict` alone: loaded when the first such policy needs it. */
import type { IsPublicSuffix } from "./issuance.ts";

let loaded: IsPublicSuffix | null = null;

/**
 * Whether a domain is a public suffix, ICANN's or private (BR 3.2.2.6). `tldts` carries the list and dates it by its
 * version; it is imported late, so a worker without a strict policy never evaluates it.
 */
export async function loadPublicSuffixes(): Promise<IsPublicSuffix> {
  if (loaded !== null) return loaded;
  const { getPublicSuffix } = await import("tldts");
  loaded = (domain) => getPublicSuffix(domain, { allowPrivateDomains: true, validateHostname: false }) === domain;
  return loaded;
}
