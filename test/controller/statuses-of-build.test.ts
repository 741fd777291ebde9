/**
 * The statuses of `lasthop build --status` equal those that the controller writes, but for addresses, `Programmed` and
 * times. The cluster of each golden pair is stored in the tests' API server, and exported from it for `build`.
 */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { dump, loadAll } from "js-yaml";
import { describe, expect, it } from "vitest";
import { buildOnce } from "../../src/cli/build.ts";
import { parseBuildArgs } from "../../src/cli/build/args.ts";
import type { KubeObject } from "../../src/controller/api.ts";
import { runController } from "../../src/controller/controller.ts";
import { directoryPublisher } from "../../src/controller/directory.ts";
import { RESOURCES } from "../../src/controller/resources.ts";
import { mintPlaceholders } from "../compile/minted.ts";
import { type Kind, KINDS } from "../../src/compile/kubernetes/kinds.ts";
import { ApiServer } from "./api-server.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const GOLDEN = join(import.meta.dirname, "../compile/golden");
const CONTROLLER = "lasthop.dev/gateway-controller";

/** The golden pair of a Gateway without GatewayClass. No controller writes the status of such a Gateway. */
const NOTHING = "gateway-class-missing";

const pairs = (await readdir(GOLDEN))
  .filter((file) => file.endsWith(".in.yaml") && !file.startsWith("fatal-") && !file.startsWith(NOTHING))
  .map((file) => file.slice(0, -".in.yaml".length))
  .sort();

describe("the controller writes what build --status says", () => {
  it.for(pairs)("%s", async (name) => {
    const text = await mintPlaceholders(await readFile(join(GOLDEN, `${name}.in.yaml`), "utf8"));
    const flags = (/^# options: (.*)$/m.exec(text)?.[1]?.split(" ") ?? []).filter((flag) => flag.startsWith("--allow"));
    const directory = await temporaryDirectory();
    const server = new ApiServer();
    const stopped = new AbortController();
    let done = Promise.resolve();
    try {
      const api = await server.start();
      const stored = loadAll(text).flatMap((document) => store(server, document));
      ({ done } = runController({
        api,
        publisher: directoryPublisher(join(directory, "published")),
        pool: ["127.2.0.1", "127.2.0.2"],
        compile: {
          allowLoopback: flags.includes("--allow-loopback"),
          allowAddressAnnotation: flags.includes("--allow-address-annotation"),
          allowExternalName: flags.includes("--allow-external-name"),
          requireBackendTls: flags.includes("--require-backend-tls"),
        },
        signal: stopped.signal,
        now: () => Date.now(),
        log: () => undefined,
      }));
      const built = inClusterWords(
        await statusesOfBuild(
          stored.map(({ object }) => object),
          flags,
          directory,
        ),
      );
      expect(built).not.toEqual({});
      await expect.poll(() => written(server, stored)).toEqual(built);
    } finally {
      stopped.abort();
      await done;
      await server.stop();
    }
  });
});

interface Stored {
  readonly plural: string;
  readonly object: KubeObject;
}

/** The names that an API server accepts: letters, digits, `-` and `.` (RFC 1123). */
const STORABLE = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/;

/** Stores a document's objects. Objects that the controller does not read, and repeated ones, are left out. */
function store(server: ApiServer, document: unknown): Stored[] {
  const object = document as KubeObject & { items?: readonly unknown[] };
  if (object?.kind === "List") return (object.items ?? []).flatMap((item) => store(server, item));
  const resource = RESOURCES.find(
    ({ kind, group, version }) =>
      object?.kind === kind && object.apiVersion === (group === "" ? version : `${group}/${version}`),
  );
  if (resource === undefined || !STORABLE.test(object.metadata?.name ?? "")) return [];
  const { namespace: given = "", ...metadata } = object.metadata;
  const namespace = given === "" ? "default" : given;
  const { namespaced } = KINDS[resource.kind as Kind];
  const named = namespaced ? { ...metadata, namespace } : metadata;
  if (server.get(resource.name, namespaced ? namespace : undefined, metadata.name) !== undefined) return [];
  return [{ plural: resource.name, object: server.apply(resource.name, { ...object, metadata: named }) }];
}

type Json = { readonly [key: string]: unknown };

async function statusesOfBuild(objects: readonly KubeObject[], flags: readonly string[], directory: string) {
  const at = (name: string): string => join(directory, name);
  await writeFile(at("cluster.yaml"), objects.map((object) => dump(object)).join("---\n"));
  const gateway = objects.find(({ kind }) => kind === "Gateway")?.metadata;
  const files = { "-f": "cluster.yaml", "-o": "bundle.json", "--secrets": "secrets.json", "--status": "status.yaml" };
  const options = parseBuildArgs([
    ...Object.entries(files).flatMap(([flag, name]) => [flag, at(name)]),
    ...(gateway === undefined ? [] : ["--gateway", `${gateway.namespace ?? "default"}/${gateway.name}`]),
    ...flags,
  ]);
  if (options === null || typeof options === "string") throw new Error(options ?? "help");
  const { statuses } = await buildOnce({ ...options, print: () => undefined });
  return byName(statuses.map(({ kind, metadata, status }) => [kind, metadata, status as Json] as const));
}

/** The statuses with the messages of a build about absent objects replaced by those of a controller. */
const inClusterWords = <T>(statuses: T): T =>
  JSON.parse(JSON.stringify(statuses).replaceAll("is not among the inputs", "is not in the cluster")) as T;

function written(server: ApiServer, stored: readonly Stored[]) {
  return byName(
    stored.map(({ plural, object: { kind, metadata } }) => {
      const now = server.get(plural, metadata.namespace, metadata.name);
      return [kind, metadata, (now?.status ?? {}) as Json] as const;
    }),
  );
}

/** The statuses by object, without fields that a build cannot know and without those of other controllers. */
function byName(all: readonly (readonly [kind: string, metadata: KubeObject["metadata"], status: Json])[]) {
  const bare = all.map(
    ([kind, { namespace, name }, status]) => [`${kind} ${namespace ?? ""}/${name}`, known(status)] as const,
  );
  return Object.fromEntries(bare.filter(([, status]) => Object.keys(status).length > 0));
}

function known(status: Json): Json {
  const { addresses: _, ...rest } = status;
  return Object.fromEntries(
    Object.entries(rest).flatMap(([key, value]) => {
      const list = !Array.isArray(value)
        ? value
        : key === "conditions"
          ? value.flatMap(ownCondition)
          : value.flatMap((entry: Json) => (foreign(entry) ? [] : [typeof entry === "object" ? known(entry) : entry]));
      return Array.isArray(list) && list.length === 0 ? [] : [[key, list]];
    }),
  );
}

const foreign = ({ controllerName = CONTROLLER }: Json): boolean => controllerName !== CONTROLLER;

function ownCondition(condition: Json): Json[] {
  const { lastTransitionTime: _, ...own } = condition;
  return own["type"] === "Programmed" ? [] : [own];
}
