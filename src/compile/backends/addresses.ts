/** Which addresses a backend may have. Someone who may write an EndpointSlice must not reach the gateway's own host. */
import ipaddr from "ipaddr.js";

export type Target = "cloudflare" | "node" | "deno" | "bun";

export interface AddressRules {
  /** Loopback, link-local, metadata, unspecified and multicast addresses. */
  readonly allowLoopback: boolean;
  /** A deployed Cloudflare worker reaches public addresses only. */
  readonly publicOnly: boolean;
}

export type AddressVerdict =
  | { readonly kind: "usable"; readonly host: string }
  | { readonly kind: "refused"; readonly found: string; readonly remedy: string };

/** An IP address in its canonical text, or why it is refused. */
export function judgeAddress(text: string, family: "IPv4" | "IPv6", rules: AddressRules): AddressVerdict {
  const address = parseIp(text);
  if (address === null || address.kind() !== family.toLowerCase()) {
    return refused(`${JSON.stringify(text)}, which is no ${family} address`, `write a plain ${family} address`);
  }
  const { range, via } = classify(address);
  const host = address.toString();
  if (SPECIAL.has(range) || METADATA.has(embedded(address).toString())) {
    return rules.allowLoopback
      ? { kind: "usable", host }
      : refused(
          `${host}, a ${METADATA.has(embedded(address).toString()) ? "metadata" : (NAMES[range] ?? range)} address${via}`,
          "use the backend's own address; --allow-loopback lets such addresses in on a development machine",
        );
  }
  if (range === "broadcast") return refused(`${host}, a broadcast address${via}`, "use the backend's own address");
  return rules.publicOnly && PRIVATE.has(range)
    ? refused(
        `${host}, a ${NAMES[range] ?? range} address${via}`,
        "a deployed worker cannot reach it: set the annotation lasthop.dev/addresses on the Service to a public IP or hostname with port, and build with --allow-address-annotation",
      )
    : { kind: "usable", host };
}

/** A hostname with port, or an IP with port: `203.0.113.7:443`, `[2001:db8::1]:443`, `api.example.com:443`. */
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

/** A DNS name that no resolver takes for an IP address. */
export function isDnsName(name: string): boolean {
  if (name.length > 253 || !/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\.?$/i.test(name))
    return false;
  const last = name.replace(/\.$/, "").split(".").at(-1) ?? "";
  return !/^(\d+|0x[0-9a-f]*)$/i.test(last);
}

/** Names that resolve to the gateway's own host wherever they are looked up. */
export const isLocalName = (name: string): boolean =>
  /(^|\.)(localhost|localdomain)\.?$/i.test(name) || /(^|\.)metadata\.google\.internal\.?$/i.test(name);

type Ip = ipaddr.IPv4 | ipaddr.IPv6;

function parseIp(text: string): Ip | null {
  // No octal, hexadecimal or short forms, and no zone: only what the API server takes.
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text);
  return text.includes(":") && !text.includes("%") && ipaddr.IPv6.isValid(text) ? ipaddr.IPv6.parse(text) : null;
}

/** What connecting to it may reach: the IPv4 address inside mapped, translated and 6to4 addresses counts. */
function classify(address: Ip): { range: string; via: string } {
  const inner = embedded(address);
  const range = inner.range();
  if (inner === address) return { range, via: "" };
  return { range, via: ` (${inner.toString()} inside)` };
}

function embedded(address: Ip): Ip {
  if (!(address instanceof ipaddr.IPv6)) return address;
  const { parts } = address;
  const ipv4 = (high: number | undefined, low: number | undefined): Ip =>
    new ipaddr.IPv4([(high ?? 0) >> 8, (high ?? 0) & 255, (low ?? 0) >> 8, (low ?? 0) & 255]);
  const range = address.range();
  if (range === "ipv4Mapped" || range === "rfc6145" || range === "rfc6052") return ipv4(parts[6], parts[7]);
  if (range === "6to4") return ipv4(parts[1], parts[2]);
  // ::a.b.c.d, the deprecated IPv4-compatible form.
  const compatible = parts.slice(0, 6).every((part) => part === 0) && (parts[6] !== 0 || (parts[7] ?? 0) > 1);
  return compatible ? ipv4(parts[6], parts[7]) : address;
}

const SPECIAL = new Set(["loopback", "linkLocal", "unspecified", "multicast"]);
/** Routed inside one network alone. */
const PRIVATE = new Set(["private", "uniqueLocal", "carrierGradeNat", "deprecatedSiteLocal"]);
const NAMES: Readonly<Record<string, string>> = {
  linkLocal: "link-local",
  uniqueLocal: "unique local",
  carrierGradeNat: "carrier-grade NAT",
};
/** Instance metadata outside link-local: AWS over IPv6, Alibaba Cloud, Azure's wire server, Oracle's classic. */
const METADATA = new Set(["169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192"]);

function refused(found: string, remedy: string): AddressVerdict {
  return { kind: "refused", found, remedy };
}
