/**
 * The assignment of addresses to Gateways: the addresses that a Gateway requests, if they are free; otherwise one of the
 * pool. A Gateway keeps the addresses in its status, so that it does not move when the controller restarts.
 */
import ipaddr from "ipaddr.js";

/** A Gateway's request for addresses. */
export interface AddressRequest {
  /** The Gateway, as `namespace/name`. */
  readonly gateway: string;
  /** The IP addresses of `spec.addresses`; empty when any address will do. */
  readonly requested: readonly string[];
  /** The IP addresses of `status.addresses`. */
  readonly current: readonly string[];
}

/** The addresses assigned to a Gateway, or why there are none. */
export type Assignment =
  | { readonly kind: "assigned"; readonly addresses: readonly string[] }
  /** A refusal, with its reason (`GatewayReasonAddressNotUsable`, `GatewayReasonAddressNotAssigned`). */
  | { readonly kind: "refused"; readonly reason: "AddressNotUsable" | "AddressNotAssigned"; readonly message: string };

/** The number of addresses that are taken from one block; the rest of a larger block is not used. */
const MAX_BLOCK = 65_536;

/**
 * The addresses in a list of addresses and CIDR blocks, in order: of `["10.0.0.5", "fd00::/127"]` they are `10.0.0.5`,
 * `fd00::` and `fd00::1`. Throws a RangeError that names the text that is neither.
 */
export function parsePool(texts: readonly string[]): readonly string[] {
  const pool = new Set<string>();
  for (const text of texts) {
    if (ipaddr.isValid(text)) pool.add(canonical(text));
    else if (ipaddr.isValidCIDR(text)) for (const address of expand(text)) pool.add(address);
    else throw new RangeError(`${JSON.stringify(text)} is neither an IP address nor a CIDR block`);
  }
  return [...pool];
}

/** The assignments by Gateway. The order of `requests` does not matter. */
export function assignAddresses(
  pool: readonly string[],
  requests: readonly AddressRequest[],
): ReadonlyMap<string, Assignment> {
  const usable = new Set(pool);
  const taken = new Map<string, string>();
  const assigned = new Map<string, Assignment>();
  const ordered = [...requests].sort((a, b) => (a.gateway < b.gateway ? -1 : 1));
  const preferred = ({ requested, current }: AddressRequest): readonly string[] =>
    (requested.length > 0 ? requested : current).map(canonical);
  // Gateways that have an address keep it when another requests it. In order: Gateways that request the addresses they
  // have, Gateways that have some and request none, Gateways with a new request, Gateways that take any address.
  const rank = (request: AddressRequest): number => {
    const current = new Set(request.current.map(canonical));
    if (request.requested.length === 0) return current.size > 0 ? 1 : 3;
    return preferred(request).every((address) => current.has(address)) ? 0 : 2;
  };
  for (const assignedRank of [0, 1, 2, 3]) {
    for (const request of ordered) {
      if (rank(request) !== assignedRank) continue;
      const { gateway, requested } = request;
      const free = preferred(request).filter((address) => usable.has(address) && !taken.has(address));
      const refused = preferred(request).find((address) => !free.includes(address));
      if (requested.length > 0 && refused !== undefined) {
        assigned.set(gateway, {
          kind: "refused",
          reason: "AddressNotUsable",
          message: refusalOf(refused, usable, taken),
        });
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

function refusalOf(address: string, usable: ReadonlySet<string>, taken: ReadonlyMap<string, string>): string {
  const holder = taken.get(address);
  if (holder !== undefined) return `address ${address} is taken by Gateway ${holder}`;
  return usable.has(address)
    ? `address ${address} is free, but asked for twice`
    : `address ${address} is not in the controller's pool`;
}

/** The canonical form of an IP address: `fd00:0::1` and `fd00::1` are one address. */
const canonical = (text: string): string => (ipaddr.isValid(text) ? ipaddr.parse(text).toString() : text);

function* expand(cidr: string): Generator<string> {
  const [base, bits] = ipaddr.parseCIDR(cidr);
  const bytes = base.toByteArray();
  const size = Math.min(2 ** (bytes.length * 8 - bits), MAX_BLOCK);
  const mask = BigInt(bits);
  const width = BigInt(bytes.length * 8);
  const start = (bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n) >> (width - mask)) << (width - mask);
  for (let offset = 0; offset < size; offset++) {
    // The network address and the broadcast address of an IPv4 block cannot be assigned.
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
