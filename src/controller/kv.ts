/**
 * Publication to Cloudflare KV, for workers. KV is eventual: the pointer that reads back here may take a minute to
 * reach every data centre, and the status says so. Keys are sealed; nothing in KV is a private key in clear.
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

/** What we need of a KV namespace: a binding has the same methods. */
export interface KeyValue {
  get(key: string): Promise<string | null>;
  put(key: string, value: string): Promise<void>;
  delete(key: string): Promise<void>;
  /** Keys that start with a prefix. */
  list(prefix: string): Promise<readonly string[]>;
}

/** `sealingKey`: 32 bytes in base64, the Worker secret LASTHOP_SEALING_KEY; null: bundles that need keys are not published. */
export function kvPublisher(kv: KeyValue, sealingKey: string | null): Publisher {
  /** Null: it is not there, or is none. */
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
      const before = pointers.get(gateway) ?? null;
      const next = nextPointer(before, publication);
      if (next === null) return before === null ? null : readBack(before);
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
      // Two generations back: this pointer names it no more, but Gateways with the same keys share them.
      const old = before?.previous ?? null;
      const kept = namedBy(pointers);
      if (old !== null && kept !== null) {
        const keys = [bundleKey(old.bundle), ...(old.secrets === null ? [] : [secretsKey(old.secrets)])];
        for (const key of keys) if (!kept.has(key)) await kv.delete(key);
      }
      const read = await pointer(gateway);
      // Nothing tells when it will: it is asked again soon.
      if (read?.current.bundle !== bundle.digest) throw new Error("the pointer does not read back yet");
      return readBack(read);
    },
    withdraw: (gateway) => kv.delete(pointerKey(gateway)),
    watch: () => ({ close: () => undefined }),
  };
}

/** No host answers through KV: a pointer that reads back stands for its acknowledgement. */
const readBack = ({ gateway, current, addresses }: Pointer): Acknowledgement => ({
  format: PUBLICATION_FORMAT,
  gateway,
  bundle: current.bundle,
  addresses,
  errors: [],
});

export interface KvRestOptions {
  readonly accountId: string;
  readonly namespaceId: string;
  readonly apiToken: string;
  /** Where the API is. */
  readonly endpoint?: string;
}

const REQUEST_MS = 30_000;

/** A namespace by Cloudflare's REST API (`/accounts/…/storage/kv/namespaces/…`). */
export function kvOverRest({ accountId, namespaceId, apiToken, endpoint }: KvRestOptions): KeyValue {
  const base = `${endpoint ?? "https://api.cloudflare.com/client/v4"}/accounts/${accountId}/storage/kv/namespaces/${namespaceId}`;
  const ask = async (method: string, path: string, body?: string): Promise<Response> => {
    const response = await fetch(base + path, {
      method,
      headers: { authorization: `Bearer ${apiToken}` },
      signal: AbortSignal.timeout(REQUEST_MS),
      ...(body === undefined ? {} : { body }),
    });
    if (response.ok || response.status === 404) return response;
    throw new Error(`Workers KV: ${method} answered ${response.status}`);
  };
  const value = (key: string): string => `/values/${encodeURIComponent(key)}`;
  return {
    async get(key) {
      const response = await ask("GET", value(key));
      const text = await response.text();
      return response.status === 404 ? null : text;
    },
    async put(key, text) {
      const response = await ask("PUT", value(key), text);
      if (response.status === 404) throw new Error("Workers KV: there is no such namespace");
    },
    async delete(key) {
      await ask("DELETE", value(key));
    },
    async list(prefix) {
      const keys: string[] = [];
      let cursor = "";
      do {
        const query = new URLSearchParams({ prefix, ...(cursor === "" ? {} : { cursor }) });
        const page = (await (await ask("GET", `/keys?${query.toString()}`)).json()) as {
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
