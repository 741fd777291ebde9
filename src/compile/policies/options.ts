/** `options` of a BackendTLSPolicy: eight keys under lasthop.dev/, each of them enforced. Any other key refuses the policy. */
import type { BundlePolicy, TlsVersion } from "../../bundle/types.ts";
import type { Problem } from "../diagnostics/diagnostics.ts";
import { badOption, unknownOption } from "./problems.ts";

/** The options of a policy, defaults set. */
type PolicyOptions = Pick<
  BundlePolicy,
  "alpn" | "ciphers" | "maxChainDepth" | "maxTlsVersion" | "minTlsVersion" | "profile" | "spkiPins"
> & {
  /** Names of ConfigMaps in the policy's namespace, sorted; null: the option is not set. */
  readonly crlRefs: readonly string[] | null;
};

const DEFAULTS: PolicyOptions = {
  minTlsVersion: "1.2",
  maxTlsVersion: "1.3",
  alpn: ["h2", "http/1.1"],
  ciphers: null,
  profile: "private",
  spkiPins: [],
  crlRefs: null,
  maxChainDepth: 10,
};

/** What a value means, or, as text, what was expected in its place. */
type OptionResult = Partial<PolicyOptions> | string;

const PARSERS: Readonly<Record<string, (value: string) => OptionResult>> = {
  "lasthop.dev/min-tls-version": (value) => {
    const version = tlsVersion(value);
    return version === null ? '"1.2" or "1.3"' : { minTlsVersion: version };
  },
  "lasthop.dev/max-tls-version": (value) => {
    const version = tlsVersion(value);
    return version === null ? '"1.2" or "1.3"' : { maxTlsVersion: version };
  },
  "lasthop.dev/alpn": (value) => {
    const alpn = commaList(value);
    const known = alpn?.filter((name) => name === "h2" || name === "http/1.1");
    return known === undefined || known.length === 0 || known.length !== alpn?.length
      ? '"h2", "http/1.1" or both, comma separated in order of preference'
      : { alpn: known };
  },
  "lasthop.dev/ciphers": (value) => {
    const ciphers = commaList(value);
    const known = ciphers?.filter((name) => name === "aes-gcm" || name === "chacha20-poly1305");
    return known === undefined || known.length === 0 || known.length !== ciphers?.length
      ? '"aes-gcm", "chacha20-poly1305" or both, comma separated in order of preference'
      : { ciphers: known };
  },
  "lasthop.dev/x509-profile": (value) =>
    value === "private" || value === "strict" ? { profile: value } : '"private" or "strict"',
  "lasthop.dev/spki-pins": (value) => {
    const pins = commaList(value);
    return pins === null || !pins.every(isSha256Base64)
      ? "base64 SHA-256 digests of SubjectPublicKeyInfo, comma separated"
      : { spkiPins: pins.sort() };
  },
  "lasthop.dev/crl-refs": (value) => {
    const names = commaList(value);
    return names === null || !names.every((name) => /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(name))
      ? "names of ConfigMaps in the policy's namespace with a key crl.pem, comma separated"
      : { crlRefs: names.sort() };
  },
  "lasthop.dev/max-chain-depth": (value) =>
    /^([2-9]|10)$/.test(value)
      ? { maxChainDepth: Number(value) }
      : "a number of certificates from 2 to 10, leaf and anchor included",
};
/** The keys that lasthop enforces. */
export const OPTION_KEYS = Object.keys(PARSERS);

/** Reads the options of a policy. A key that is unknown, or a value that a key cannot have, is a problem. */
export function parseOptions(options: Readonly<Record<string, string>>): {
  options: PolicyOptions;
  problems: Problem[];
} {
  let parsed = DEFAULTS;
  const problems: Problem[] = [];
  for (const key of Object.keys(options).sort()) {
    const value = options[key] ?? "";
    const parse = Object.hasOwn(PARSERS, key) ? PARSERS[key] : undefined;
    const result = parse?.(value);
    if (result === undefined) problems.push(unknownOption(key, OPTION_KEYS));
    else if (typeof result === "string") problems.push(badOption(key, value, result));
    else parsed = { ...parsed, ...result };
  }
  if (problems.length === 0 && parsed.minTlsVersion > parsed.maxTlsVersion) {
    problems.push(
      badOption("lasthop.dev/min-tls-version", parsed.minTlsVersion, `at most the maximum, ${parsed.maxTlsVersion}`),
    );
  }
  return { options: parsed, problems };
}

const tlsVersion = (value: string): TlsVersion | null => (value === "1.2" || value === "1.3" ? value : null);

/** The items of a comma-separated list without the blanks around them; null when one of them is empty or repeated. */
function commaList(value: string): string[] | null {
  const parts = value.split(",").map((part) => part.trim());
  return parts.includes("") || new Set(parts).size !== parts.length ? null : parts;
}

const isSha256Base64 = (value: string): boolean =>
  /^[A-Za-z0-9+/]{43}=$/.test(value) && Buffer.from(value, "base64").toString("base64") === value;
