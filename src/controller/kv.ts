/**
 * Publication to Cloudflare KV, for workers. KV is eventual: the pointer that reads back here may take a minute to
 * reach every data centre, and the status says so. Keys are sealed; nothing in KV is a private key in clear.
 */
import {
  type Acknowledgement,
  bundleKey,
  decodePointer,
  type Pointer,
  pointerKey,
  PUBLICATION_FORMAT,
  secretsKey,
} from "../bundle/publication.ts";
import { seal } from "../bundle/sealing.ts";
import { nextPointer, type Publisher } from "./publisher.ts";

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
  const pointer = async (gateway: string): Promise<Pointer | null> => {
    const text = await kv.get(pointerKey(gateway));
    return text === null ? null : decodePointer(text);
  };
  return {
    programmedMessage:
      "The pointer reads back from Workers KV; KV is eventually consistent, so that every location has it within about a minute",
    pointer,
    async published() {
      const names: string[] = [];
      for (const key of await kv.list("gateways/")) {
        const text = await kv.get(key);
        if (text !== null) names.push(decodePointer(text).gateway);
      }
      return names;
    },
    async publish(publication) {
      const before = await pointer(publication.gateway).catch(() => null);
      const next = nextPointer(before, publication);
      if (next === null) return;
      const { bundle, secrets, gateway } = publication;
      await kv.put(bundleKey(bundle.digest), bundle.text);
      if (secrets !== null) {
        if (sealingKey === null)
          throw new RangeError("the bundle needs keys, and there is no sealing key to put them in KV");
        const key = secretsKey(secrets.digest);
        await kv.put(key, await seal(secrets.text, key, sealingKey));
      }
      await kv.put(pointerKey(gateway), `${JSON.stringify(next)}\n`);
      // Two generations back: no pointer names it, and none is on its way that does.
      const old = before?.previous ?? null;
      if (old === null) return;
      if (old.bundle !== next.current.bundle && old.bundle !== next.previous?.bundle)
        await kv.delete(bundleKey(old.bundle));
      const kept = [next.current.secrets, next.previous?.secrets];
      if (old.secrets !== null && !kept.includes(old.secrets)) await kv.delete(secretsKey(old.secrets));
    },
    withdraw: (gateway) => kv.delete(pointerKey(gateway)),
    async acknowledgement(gateway): Promise<Acknowledgement | null> {
      const read = await pointer(gateway);
      return read === null
        ? null
        : { format: PUBLICATION_FORMAT, gateway, bundle: read.current.bundle, addresses: read.addresses, errors: [] };
    },
    watch: () => ({ close: () => undefined }),
  };
}

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
