/** The endpoints that are found for one Service port: addresses and names that the options accept. */
import type { BundleEndpoint } from "../../bundle/types.ts";
import {
  compareStrings,
  type Diagnostics,
  type FieldPath,
  type Problem,
  show,
  type SourceObject,
} from "../diagnostics/diagnostics.ts";
import { type AddressRules, type AddressVerdict, isDnsName, isLocalName, judgeAddress } from "./addresses.ts";
import { refusedEndpoint } from "./problems.ts";

/** The options by which endpoints are accepted. */
export interface EndpointOptions extends AddressRules {
  /** Whether the annotation `lasthop.dev/addresses` is honoured. */
  readonly allowAddressAnnotation: boolean;
  /** Whether endpoints with a name in place of an address are accepted. */
  readonly allowExternalName: boolean;
}

/** The endpoints found so far; addresses that the options refuse are reported and counted. */
export class FoundEndpoints {
  readonly options: EndpointOptions;
  refused = 0;
  readonly #byHostPort = new Map<string, BundleEndpoint>();
  readonly #diagnostics: Diagnostics;

  constructor(options: EndpointOptions, diagnostics: Diagnostics) {
    this.options = options;
    this.#diagnostics = diagnostics;
  }

  get isEmpty(): boolean {
    return this.#byHostPort.size === 0 && this.refused === 0;
  }

  sorted(): BundleEndpoint[] {
    return [...this.#byHostPort].sort(([a], [b]) => compareStrings(a, b)).map(([, endpoint]) => endpoint);
  }

  /** Adds the address or name that stands at `path` of an object, unless the options refuse it. */
  add(object: SourceObject, path: FieldPath, { host, port, family }: Address): void {
    const verdict = family === "FQDN" ? judgeName(host, this.options) : judgeAddress(host, family, this.options);
    this.#admit(object, path, port, verdict);
  }

  /** Adds a name that stands at `path`, also without --allow-external-name. */
  addTrustedName(object: SourceObject, path: FieldPath, { host, port }: Omit<Address, "family">): void {
    this.#admit(object, path, port, judgeName(host, { ...this.options, allowExternalName: true }));
  }

  #admit(object: SourceObject, path: FieldPath, port: number, verdict: AddressVerdict): void {
    if (verdict.kind === "refused") this.refuse(object, refusedEndpoint(path, verdict));
    else this.#byHostPort.set(`${verdict.host}\0${String(port).padStart(5, "0")}`, { host: verdict.host, port });
  }

  refuse(object: SourceObject, problem: Problem): void {
    this.refused++;
    this.#diagnostics.report(object, problem);
  }
}

interface Address {
  readonly host: string;
  readonly port: number;
  readonly family: "IPv4" | "IPv6" | "FQDN";
}

function judgeName(name: string, { allowExternalName, allowLoopback }: EndpointOptions): AddressVerdict {
  if (!isDnsName(name))
    return { kind: "refused", found: `${show(name)}, which is no DNS name`, remedy: "write a DNS name" };
  if (!allowExternalName)
    return {
      kind: "refused",
      found: `${name}, a name that its author can point anywhere (CVE-2021-25740)`,
      remedy: "use IP addresses, or build with --allow-external-name",
    };
  if (isLocalName(name) && !allowLoopback)
    return {
      kind: "refused",
      found: `${name}, a name of the gateway's own host or its metadata`,
      remedy: "use the backend's own name",
    };
  return { kind: "usable", host: name.toLowerCase().replace(/\.$/, "") };
}
