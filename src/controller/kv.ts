/**
 * Publication to Cloudflare KV, for workers. KV is eventually consistent: a pointer may take a minute to reach every data
 * centre, and the status says so. Private keys are stored sealed (encrypted), never in the clear.
 */
import {
  type Acknowledgement,
  bundleKey,
  decodePointer,
  gatewayOf,
  type Pointer,
  pointerKey,
  PUBLICATION_FORMAT,
  secretsKey,
} from "../bundle/publication.ts";
import { BundleError } from "../bundle/refusal.ts";
import { seal } from "../bundle/sealing.ts";
import { namedBy, nextPointer, type Pointers, type Publisher } from "./publisher.ts";

/** A KV namespace. Promises reject when the namespace cannot be reached. */
export interface KeyValue {
  get(key: string): Promise<string | null>;
  put(key: string, value: string): Promise<void>;
  delete(key: string): Promise<void>;
  /** The keys that start with `prefix`. */
  list(prefix: string): Promise<readonly string[]>;
}

/**
 * A publisher to a KV namespace. `sealingKey` is 32 bytes in base64, the same as the Worker secret LASTHOP_SEALING_KEY;
 * when it is null, publishing a bundle with private keys fails.
 */
export function kvPublisher(kv: KeyValue, sealingKey: string | null): Publisher {
  /** The Gateway's pointer; null when there is none, or when it cannot be decoded. */
  const pointer = async (gateway: string): Promise<Pointer | null> => {
    const text = await kv.get(pointerKey(gateway));
    try {
      return text === null ? null : decodePointer(text);
    } catch (error) {
      if (error instanceof BundleError) return null;
      throw error;
    }
  };
  return {
    programmedMessage:
      "The pointer reads back from Workers KV; KV is eventually consistent, so that every location has it within about a minute",
    async pointers() {
      const found: Pointers = new Map();
      for (const key of await kv.list("gateways/")) {
        const gateway = gatewayOf(key);
        if (gateway !== null) found.set(gateway, await pointer(gateway));
      }
      return found;
    },
    async publish(publication, pointers, signal) {
      const { bundle, secrets, gateway } = publication;
      const current = pointers.get(gateway) ?? null;
      const next = nextPointer(current, publication);
      if (next === null) return current === null ? null : acknowledgementOf(current);
      await kv.put(bundleKey(bundle.digest), bundle.text);
      if (secrets !== null) {
        if (sealingKey === null)
          throw new RangeError("the bundle needs keys, and there is no sealing key to put them in KV");
        const key = secretsKey(secrets.digest);
        await kv.put(key, await seal(secrets.text, key, sealingKey));
      }
      signal.throwIfAborted();
      await kv.put(pointerKey(gateway), `${JSON.stringify(next)}\n`);
      pointers.set(gateway, next);
      // The new pointer does not name the bundle before the previous one any more, so its bundle and its secrets
      // can be deleted, unless the pointer of another Gateway names them.
      const old = current?.previous ?? null;
      const kept = namedBy(pointers);
      if (old !== null && kept !== null) {
        const keys = [bundleKey(old.bundle), ...(old.secrets === null ? [] : [secretsKey(old.secrets)])];
        for (const key of keys) if (!kept.has(key)) await kv.delete(key);
      }
      const readBack = await pointer(gateway);
      // KV does not say when the pointer will be readable. The failure makes the controller read it again soon.
      if (readBack?.current.bundle !== bundle.digest) throw new Error("the pointer does not read back yet");
      return acknowledgementOf(readBack);
    },
    withdraw: (gateway) => kv.delete(pointerKey(gateway)),
    watch: () => ({ close: () => undefined }),
  };
}

/** An acknowledgement made from a pointer that reads back: workers write none to KV. */
const acknowledgementOf = ({ gateway, current, addresses }: Pointer): Acknowledgement => ({
  format: PUBLICATION_FORMAT,
  gateway,
  bundle: current.bundle,
  addresses,
  errors: [],
});

/** A KV namespace in a Cloudflare account. */
interface KvRestOptions {
  readonly accountId: string;
  readonly namespaceId: string;
  readonly apiToken: string;
  /** The base URL of the API; Cloudflare's by default. */
  readonly endpoint?: string;
}

const KV_REQUEST_MS = 30_000;

/** A KV namespace over Cloudflare's REST API (`/accounts/…/storage/kv/namespaces/…`). */
export function kvOverRest({ accountId, namespaceId, apiToken, endpoint }: KvRestOptions): KeyValue {
  const base = `${endpoint ?? "https://api.cloudflare.com/client/v4"}/accounts/${accountId}/storage/kv/namespaces/${namespaceId}`;
  const request = async (method: string, path: string, body?: string): Promise<Response> => {
    const response = await fetch(base + path, {
      method,
      headers: { authorization: `Bearer ${apiToken}` },
      signal: AbortSignal.timeout(KV_REQUEST_MS),
      ...(body === undefined ? {} : { body }),
    });
    if (response.ok || response.status === 404) return response;
    throw new Error(`Workers KV: ${method} answered ${response.status}`);
  };
  const value = (key: string): string => `/values/${encodeURIComponent(key)}`;
  return {
    async get(key) {
      const response = await request("GET", value(key));
      const text = await response.text();
      return response.status === 404 ? null : text;
    },
    async put(key, text) {
      const response = await request("PUT", value(key), text);
      if (response.status === 404) throw new Error("Workers KV: there is no such namespace");
    },
    async delete(key) {
      await request("DELETE", value(key));
    },
    async list(prefix) {
      const keys: string[] = [];
      let cursor = "";
      do {
        const query = new URLSearchParams({ prefix, ...(cursor === "" ? {} : { cursor }) });
        const page = (await (await request("GET", `/keys?${query.toString()}`)).json()) as {
          result?: { name: string }[];
          result_info?: { cursor?: string };
        };
        keys.push(...(page.result ?? []).map(({ name }) => name));
        cursor = page.result_info?.cursor ?? "";
      } while (cursor !== "");
      return keys;
    },
  };
}
