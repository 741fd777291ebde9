/**
 * The addresses that a backend may have. An author of EndpointSlices must not be able to make the gateway connect to
 * its own host.
 */
import ipaddr from "ipaddr.js";

/** A host for which a bundle can be built. */
export type Target = "cloudflare" | "node" | "deno" | "bun";

/** The rules by which addresses are accepted. */
export interface AddressRules {
  /** Whether loopback, link-local, metadata, unspecified and multicast addresses are accepted. */
  readonly allowLoopback: boolean;
  /** Whether private addresses are refused, which a deployed Cloudflare worker cannot reach. */
  readonly publicOnly: boolean;
}

/** Whether an address or name is accepted. `found` and `remedy` are for a problem. */
export type AddressVerdict =
  | { readonly kind: "usable"; readonly host: string }
  | { readonly kind: "refused"; readonly found: string; readonly remedy: string };

/** An IP address in its canonical text, or why it is refused. */
export function judgeAddress(text: string, family: "IPv4" | "IPv6", rules: AddressRules): AddressVerdict {
  const address = parseIp(text);
  if (address === null || address.kind() !== family.toLowerCase()) {
    return refusedAddress(`${JSON.stringify(text)}, which is no ${family} address`, `write a plain ${family} address`);
  }
  const { range, via } = classify(address);
  const host = address.toString();
  if (SPECIAL.has(range) || METADATA_ADDRESSES.has(embedded(address).toString())) {
    return rules.allowLoopback
      ? { kind: "usable", host }
      : refusedAddress(
          `${host}, a ${METADATA_ADDRESSES.has(embedded(address).toString()) ? "metadata" : (RANGE_NAMES[range] ?? range)} address${via}`,
          "use the backend's own address; --allow-loopback lets such addresses in on a development machine",
        );
  }
  if (range === "broadcast")
    return refusedAddress(`${host}, a broadcast address${via}`, "use the backend's own address");
  return rules.publicOnly && PRIVATE.has(range)
    ? refusedAddress(
        `${host}, a ${RANGE_NAMES[range] ?? range} address${via}`,
        "a deployed worker cannot reach it: set the annotation lasthop.dev/addresses on the Service to a public IP or hostname with port, and build with --allow-address-annotation",
      )
    : { kind: "usable", host };
}

/**
 * Parses an address or name with a port: `203.0.113.7:443`, `[2001:db8::1]:443`, `api.example.com:443`. Null: the text is none.
 * `family` is null for a name.
 */
export function parseHostPort(text: string): { host: string; port: number; family: "IPv4" | "IPv6" | null } | null {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  if (match === null) return null;
  const [, v6, name, digits] = match;
  const port = Number(digits);
  if (port < 1 || port > 65_535) return null;
  if (v6 !== undefined) return { host: v6, port, family: "IPv6" };
  if (name === undefined) return null;
  if (ipaddr.IPv4.isValidFourPartDecimal(name)) return { host: name, port, family: "IPv4" };
  return isDnsName(name) ? { host: name.toLowerCase(), port, family: null } : null;
}

/** Whether a text is a DNS name that no resolver takes for an IP address. */
export function isDnsName(name: string): boolean {
  if (name.length > 253 || !/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\.?$/i.test(name))
    return false;
  const last = name.replace(/\.$/, "").split(".").at(-1) ?? "";
  return !/^(\d+|0x[0-9a-f]*)$/i.test(last);
}

/** Whether a name leads to the gateway's own host, or to its metadata server, wherever it is resolved. */
export const isLocalName = (name: string): boolean =>
  /(^|\.)(localhost|localdomain)\.?$/i.test(name) || /(^|\.)metadata\.google\.internal\.?$/i.test(name);

type Ip = ipaddr.IPv4 | ipaddr.IPv6;

function parseIp(text: string): Ip | null {
  // As the API server: no octal, hexadecimal or short forms, and no zone.
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text);
  return text.includes(":") && !text.includes("%") && ipaddr.IPv6.isValid(text) ? ipaddr.IPv6.parse(text) : null;
}

/**
 * The range of an address. For an IPv6 address that contains an IPv4 address, the range of the IPv4 address, which
 * `via` names.
 */
function classify(address: Ip): { range: string; via: string } {
  const inner = embedded(address);
  const range = inner.range();
  if (inner === address) return { range, via: "" };
  return { range, via: ` (${inner.toString()} inside)` };
}

/** The IPv4 address in a mapped, translated, 6to4 or IPv4-compatible IPv6 address; any other address itself. */
function embedded(address: Ip): Ip {
  if (!(address instanceof ipaddr.IPv6)) return address;
  const { parts } = address;
  const ipv4 = (high: number | undefined, low: number | undefined): Ip =>
    new ipaddr.IPv4([(high ?? 0) >> 8, (high ?? 0) & 255, (low ?? 0) >> 8, (low ?? 0) & 255]);
  const range = address.range();
  if (range === "ipv4Mapped" || range === "rfc6145" || range === "rfc6052") return ipv4(parts[6], parts[7]);
  if (range === "6to4") return ipv4(parts[1], parts[2]);
  // The deprecated IPv4-compatible form: ::a.b.c.d.
  const compatible = parts.slice(0, 6).every((part) => part === 0) && (parts[6] !== 0 || (parts[7] ?? 0) > 1);
  return compatible ? ipv4(parts[6], parts[7]) : address;
}

const SPECIAL = new Set(["loopback", "linkLocal", "unspecified", "multicast"]);
/** Ranges that are routed only inside of one network. */
const PRIVATE = new Set(["private", "uniqueLocal", "carrierGradeNat", "deprecatedSiteLocal"]);
const RANGE_NAMES: Readonly<Record<string, string>> = {
  linkLocal: "link-local",
  uniqueLocal: "unique local",
  carrierGradeNat: "carrier-grade NAT",
};
/** Metadata servers: of most clouds, and the ones outside of link-local of AWS (IPv6), Alibaba Cloud, Azure and Oracle. */
const METADATA_ADDRESSES = new Set([
  "169.254.169.254",
  "fd00:ec2::254",
  "100.100.100.200",
  "168.63.129.16",
  "192.0.0.192",
]);

function refusedAddress(found: string, remedy: string): AddressVerdict {
  return { kind: "refused", found, remedy };
}
