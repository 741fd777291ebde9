/**
 * Which addresses a Gateway is served on: those it asks for, where the pool has them free; otherwise one of the pool.
 * A Gateway keeps what its status says it has, so that a restart of the controller moves nobody.
 */
import ipaddr from "ipaddr.js";

export interface AddressRequest {
  /** `namespace/name`. */
  readonly gateway: string;
  /** `spec.addresses` with a value; IP addresses. Empty: any. */
  readonly wanted: readonly string[];
  /** What its status says. */
  readonly held: readonly string[];
}

export type Assignment =
  | { readonly kind: "assigned"; readonly addresses: readonly string[] }
  /** `GatewayReasonAddressNotUsable`, `GatewayReasonAddressNotAssigned`. */
  | { readonly kind: "refused"; readonly reason: "AddressNotUsable" | "AddressNotAssigned"; readonly message: string };

/** Larger pools are cut: an address a Gateway, and nobody has that many. */
const MAX_POOL = 65_536;

/** `10.0.0.5`, `10.0.0.0/28`, `fd00::/120`. Throws a RangeError that names the part at fault. */
export function parsePool(texts: readonly string[]): readonly string[] {
  const pool = new Set<string>();
  for (const text of texts) {
    if (ipaddr.isValid(text)) pool.add(canonical(text));
    else if (ipaddr.isValidCIDR(text)) for (const address of expand(text)) pool.add(address);
    else throw new RangeError(`${JSON.stringify(text)} is neither an IP address nor a CIDR block`);
  }
  return [...pool];
}

/** Of every Gateway, by name; requests in any order give the same. */
export function assignAddresses(
  pool: readonly string[],
  requests: readonly AddressRequest[],
): ReadonlyMap<string, Assignment> {
  const usable = new Set(pool);
  const taken = new Map<string, string>();
  const assigned = new Map<string, Assignment>();
  const ordered = [...requests].sort((a, b) => (a.gateway < b.gateway ? -1 : 1));
  const wish = ({ wanted, held }: AddressRequest): readonly string[] =>
    (wanted.length > 0 ? wanted : held).map(canonical);
  // Who holds an address comes before who newly asks for it, and who asks before who takes any.
  const rank = (request: AddressRequest): number => {
    const held = new Set(request.held.map(canonical));
    if (request.wanted.length === 0) return held.size > 0 ? 1 : 3;
    return wish(request).every((address) => held.has(address)) ? 0 : 2;
  };
  for (const turn of [0, 1, 2, 3]) {
    for (const request of ordered) {
      if (rank(request) !== turn) continue;
      const { gateway, wanted } = request;
      const free = wish(request).filter((address) => usable.has(address) && !taken.has(address));
      const refused = wish(request).find((address) => !free.includes(address));
      if (wanted.length > 0 && refused !== undefined) {
        assigned.set(gateway, { kind: "refused", reason: "AddressNotUsable", message: whyNot(refused, usable, taken) });
        continue;
      }
      const addresses = free.length > 0 ? free : pool.filter((address) => !taken.has(address)).slice(0, 1);
      for (const address of addresses) taken.set(address, gateway);
      assigned.set(
        gateway,
        addresses.length > 0
          ? { kind: "assigned", addresses }
          : {
              kind: "refused",
              reason: "AddressNotAssigned",
              message: `all ${pool.length} addresses of the controller's pool are taken`,
            },
      );
    }
  }
  return assigned;
}

function whyNot(address: string, usable: ReadonlySet<string>, taken: ReadonlyMap<string, string>): string {
  const holder = taken.get(address);
  if (holder !== undefined) return `address ${address} is taken by Gateway ${holder}`;
  return usable.has(address)
    ? `address ${address} is free, but asked for twice`
    : `address ${address} is not in the controller's pool`;
}

/** One spelling an address. */
export const canonical = (text: string): string => (ipaddr.isValid(text) ? ipaddr.parse(text).toString() : text);

function* expand(cidr: string): Generator<string> {
  const [base, bits] = ipaddr.parseCIDR(cidr);
  const bytes = base.toByteArray();
  const size = Math.min(2 ** (bytes.length * 8 - bits), MAX_POOL);
  const mask = BigInt(bits);
  const width = BigInt(bytes.length * 8);
  const start = (bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n) >> (width - mask)) << (width - mask);
  for (let offset = 0; offset < size; offset++) {
    // Neither the network nor its broadcast address is a host of an IPv4 block.
    if (bytes.length === 4 && size > 2 && (offset === 0 || offset === size - 1)) continue;
    let value = start + BigInt(offset);
    const octets = bytes.map(() => 0);
    for (let at = octets.length - 1; at >= 0; at--) {
      octets[at] = Number(value & 0xffn);
      value >>= 8n;
    }
    yield ipaddr.fromByteArray(octets).toString();
  }
}
