/**
 * IP addresses as Kubernetes reads them. The formats `ipv4` and `ipv6` of a schema read as Go did before 1.17
 * (`netutils.ParseIPSloppy`): leading zeros are decimal. The functions of CEL read as Go's `netip` does, and no
 * IPv4-mapped IPv6 address either (`k8s.io/apiserver/pkg/cel/library/ip.go`).
 */
import { isIP } from "node:net";
import ipaddr from "ipaddr.js";

/** `strfmt.IsIPv4`: so is an IPv6 address that ends as one. */
export const isFormatIpv4 = (text: string): boolean => isSloppyIp(text) && text.includes(".");

/** `strfmt.IsIPv6` */
export const isFormatIpv6 = (text: string): boolean => isSloppyIp(text) && text.includes(":");

/** What one of the two formats takes. */
export function isSloppyIp(text: string): boolean {
  if (!/^[0-9A-Fa-f:.]*$/.test(text)) return false;
  // The four numbers alone: a group of IPv6 has at most four digits.
  const [numbers = ""] = /[^:]*$/.exec(text) ?? [];
  return isIP(text.slice(0, text.length - numbers.length) + (numbers.includes(".") ? decimal(numbers) : numbers)) !== 0;
}

const decimal = (numbers: string): string => numbers.replaceAll(/(?<!\d)0+(?=\d)/g, "");

export function isCelIp(text: string): boolean {
  if (isIP(text) !== 6) return isIP(text) === 4;
  return !text.includes("%") && !ipaddr.IPv6.parse(text).isIPv4MappedAddress();
}

/** A prefix has no zone, and its length no leading zero. */
export function isCelCidr(text: string): boolean {
  const [address = "", bits = "", ...more] = text.split("/");
  return (
    more.length === 0 &&
    isCelIp(address) &&
    /^(?:0|[1-9]\d{0,2})$/.test(bits) &&
    Number(bits) <= (isIP(address) === 4 ? 32 : 128)
  );
}
