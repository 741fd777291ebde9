/** The source of a worker's bundle: embedded by the deployment, or published to Workers KV. */
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

/** The texts of a bundle and of its secrets file. */
export interface Release {
  readonly bundle: string;
  readonly secrets: string | null;
}

/** A release that may be served. Two with equal ids are the same. */
export interface Candidate {
  readonly id: string;
  /** Reads the release; rejects with a BundleError for texts that can be read but not used. */
  readonly read: () => Promise<Release>;
}

/** A source of releases. */
export interface Source {
  /** The time for which `candidates` need not be called again. */
  readonly holdsMs: number;
  /** The releases, best first. Later ones are for a host that serves nothing yet. None when nothing is published. */
  candidates(): Promise<readonly Candidate[]>;
}

/** The variables of a deployment that say where its bundle comes from. */
export interface SourceEnv {
  /** The text of the secrets file, as a Worker secret, with the keys of an embedded bundle's certificates. */
  readonly LASTHOP_SECRETS?: string;
  /** The KV namespace to which a controller publishes. With it, the embedded bundle is not used. */
  readonly LASTHOP_BUNDLES?: Pick<KVNamespace, "get">;
  /** `namespace/name` of the Gateway to serve from LASTHOP_BUNDLES. */
  readonly LASTHOP_GATEWAY?: string;
  /** The key under which the secrets in LASTHOP_BUNDLES are sealed, as a Worker secret: 32 bytes in base64. */
  readonly LASTHOP_SEALING_KEY?: string;
}

/** The shortest time for which KV caches a value in each location. */
const KV_HOLDS_MS = 30_000;

/** The source that a deployment's variables name. `embedded` is the text of the bundle in the deployment. */
export function sourceOf(env: SourceEnv, embedded: string): Source {
  const { LASTHOP_BUNDLES: kv, LASTHOP_GATEWAY: gateway, LASTHOP_SEALING_KEY: key, LASTHOP_SECRETS: secrets } = env;
  if (kv !== undefined) return published(kv, gateway, key);
  const read = async (): Promise<Release> => ({ bundle: embedded, secrets: secrets ?? null });
  return { holdsMs: Number.POSITIVE_INFINITY, candidates: async () => [{ id: "embedded", read }] };
}

function published(kv: Pick<KVNamespace, "get">, gateway: string | undefined, key: string | undefined): Source {
  const candidate = ({ bundle, secrets }: Published): Candidate => ({
    id: `${bundle} ${secrets}`,
    read: async () => {
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

/** The value of a key that a pointer names. It was written before the pointer, but KV may take a minute to have it everywhere. */
async function demand(kv: Pick<KVNamespace, "get">, name: string): Promise<string> {
  const text = await kv.get(name);
  if (text !== null) return text;
  throw new BundleError("dangling-reference", name, "it is not there");
}
