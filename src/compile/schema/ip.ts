/**
 * IP addresses as Kubernetes reads them. The formats `ipv4` and `ipv6` of a schema take what Go took before 1.17
 * (`netutils.ParseIPSloppy`): numbers with leading zeros, read as decimal. The functions of CEL take what Go's `netip` takes,
 * but for IPv4-mapped IPv6 addresses (`k8s.io/apiserver/pkg/cel/library/ip.go`).
 */
import { isIP } from "node:net";
import ipaddr from "ipaddr.js";

/** The format `ipv4` (`strfmt.IsIPv4`), which also takes an IPv6 address that ends in an IPv4 one. */
export const isFormatIpv4 = (text: string): boolean => isSloppyIp(text) && text.includes(".");

/** The format `ipv6` (`strfmt.IsIPv6`). */
export const isFormatIpv6 = (text: string): boolean => isSloppyIp(text) && text.includes(":");

/** Whether one of the formats `ipv4` and `ipv6` takes a text. */
export function isSloppyIp(text: string): boolean {
  if (!/^[0-9A-Fa-f:.]*$/.test(text)) return false;
  // Only the numbers of an IPv4 address may have leading zeros: a group of IPv6 has at most four digits.
  const [numbers = ""] = /[^:]*$/.exec(text) ?? [];
  return isIP(text.slice(0, text.length - numbers.length) + (numbers.includes(".") ? decimal(numbers) : numbers)) !== 0;
}

const decimal = (numbers: string): string => numbers.replaceAll(/(?<!\d)0+(?=\d)/g, "");

/** `isIP` of CEL. */
export function isCelIp(text: string): boolean {
  if (isIP(text) !== 6) return isIP(text) === 4;
  return !text.includes("%") && !ipaddr.IPv6.parse(text).isIPv4MappedAddress();
}

/** `isCIDR` of CEL: a prefix has no zone, and its length no leading zero. */
export function isCelCidr(text: string): boolean {
  const [address = "", bits = "", ...more] = text.split("/");
  return (
    more.length === 0 &&
    isCelIp(address) &&
    /^(?:0|[1-9]\d{0,2})$/.test(bits) &&
    Number(bits) <= (isIP(address) === 4 ? 32 : 128)
  );
}
