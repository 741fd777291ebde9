/** Where a worker's bundle comes from: embedded by the deployment, or published to Workers KV. */
import {
  type Pointer,
  bundleKey,
  decodePointer,
  pointerKey,
  type Published,
  secretsKey,
} from "../../bundle/publication.ts";
import { BundleError } from "../../bundle/refusal.ts";
import { unseal } from "../../bundle/sealing.ts";

/** Texts of a bundle and of the secrets file beside it. */
export interface Release {
  readonly bundle: string;
  readonly secrets: string | null;
}

export interface Candidate {
  /** Equal ids: the same release. */
  readonly id: string;
  /** Throws a BundleError for what can be read but not used. */
  read(): Promise<Release>;
}

export interface Source {
  /** How long an answer holds; then somebody looks again. */
  readonly holdsMs: number;
  /** Best first: the others are for a host that serves nothing yet and cannot load those before. Empty: serve nothing. */
  candidates(): Promise<readonly Candidate[]>;
}

export interface SourceEnv {
  /** The secrets file's text, as a Worker secret: keys of an embedded bundle's certificates. */
  readonly LASTHOP_SECRETS?: string;
  /** Where a controller publishes. With it, the embedded bundle is not used. */
  readonly LASTHOP_BUNDLES?: Pick<KVNamespace, "get">;
  /** `namespace/name` of the Gateway to serve from LASTHOP_BUNDLES. */
  readonly LASTHOP_GATEWAY?: string;
  /** Worker secret: 32 bytes in base64, under which the secrets in LASTHOP_BUNDLES are sealed. */
  readonly LASTHOP_SEALING_KEY?: string;
}

/** KV itself remembers a value for so long in each location, at least. */
const KV_HOLDS_MS = 30_000;

export function sourceOf(env: SourceEnv, embedded: string): Source {
  const { LASTHOP_BUNDLES: kv, LASTHOP_GATEWAY: gateway, LASTHOP_SEALING_KEY: key, LASTHOP_SECRETS: secrets } = env;
  if (kv !== undefined) return published(kv, gateway, key);
  const read = async (): Promise<Release> => ({ bundle: embedded, secrets: secrets ?? null });
  return { holdsMs: Number.POSITIVE_INFINITY, candidates: async () => [{ id: "embedded", read }] };
}

function published(kv: Pick<KVNamespace, "get">, gateway: string | undefined, key: string | undefined): Source {
  const candidate = ({ bundle, secrets }: Published): Candidate => ({
    id: `${bundle} ${secrets}`,
    async read() {
      const text = await demand(kv, bundleKey(bundle));
      if (secrets === null) return { bundle: text, secrets };
      if (key === undefined) throw new BundleError("bad-secrets", "", "there is no LASTHOP_SEALING_KEY");
      const name = secretsKey(secrets);
      return { bundle: text, secrets: await unseal(await demand(kv, name), name, key) };
    },
  });
  return {
    holdsMs: KV_HOLDS_MS,
    async candidates() {
      if (gateway === undefined)
        throw new BundleError("missing-field", "", "LASTHOP_BUNDLES wants LASTHOP_GATEWAY beside it");
      const text = await kv.get(pointerKey(gateway), { cacheTtl: KV_HOLDS_MS / 1_000 });
      if (text === null) return [];
      const { current, previous }: Pointer = decodePointer(text);
      return previous === null ? [candidate(current)] : [candidate(current), candidate(previous)];
    },
  };
}

/** What the pointer names was written before it; KV may still take a minute to have it everywhere. */
async function demand(kv: Pick<KVNamespace, "get">, name: string): Promise<string> {
  const text = await kv.get(name);
  if (text !== null) return text;
  throw new BundleError("dangling-reference", name, "it is not there");
}
