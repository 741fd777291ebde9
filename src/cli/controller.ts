/** `lasthop controller`: keeps bundles and statuses up to date with a cluster. */
import { randomBytes } from "node:crypto";
import { accessSync, constants, mkdirSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { parseArgs } from "node:util";
import { KubeConfig } from "@kubernetes/client-node";
import type { ClusterOptions } from "../compile/index.ts";
import {
  type Controller,
  createMetrics,
  directoryPublisher,
  kubeApi,
  kvOverRest,
  kvPublisher,
  lead,
  parsePool,
  type Publisher,
  runController,
} from "../controller/index.ts";
import { COMPILE_OPTIONS } from "./compile-options.ts";
import { closeOperatorServer, type HostPort, openOperatorServer, parseHostPort } from "./operator-server.ts";

const CONTROLLER_USAGE = `usage: lasthop controller (--publish DIR | --publish-kv) [options]

      --publish DIR            publish to a directory that lasthop serve DIR watches
      --publish-kv             publish to Workers KV, by CLOUDFLARE_ACCOUNT_ID, CLOUDFLARE_API_TOKEN, LASTHOP_KV_NAMESPACE_ID
                               and, for bundles that need keys, LASTHOP_SEALING_KEY (32 bytes in base64)
      --addresses LIST         IP addresses and CIDR blocks to serve Gateways on, with --publish: each has its own
      --health HOST:PORT       /healthz, /readyz and /metrics (default: 127.0.0.1:9465)
      --lease NAMESPACE/NAME   leader election (default: lasthop-system/lasthop-controller); "none": there is one process
      --kubeconfig FILE        instead of KUBECONFIG, or the Pod's ServiceAccount
      --allow-loopback         --allow-address-annotation  --allow-external-name  --require-backend-tls: as for lasthop build

exit status: 0 stopped by a signal; 1 the lead was lost, or the endpoint cannot be bound; 2 wrong usage
`;

interface ControllerSettings {
  readonly publisher: Publisher;
  readonly pool: readonly string[];
  readonly health: HostPort;
  readonly lease: { readonly namespace: string; readonly name: string } | null;
  readonly config: KubeConfig;
  readonly compile: ClusterOptions;
}

/** `lasthop controller`. Resolves with the exit status. */
export async function controller(args: readonly string[]): Promise<number> {
  const settings = parseControllerArgs(args);
  if (settings === null) {
    process.stdout.write(CONTROLLER_USAGE);
    return 0;
  }
  if (typeof settings === "string") {
    process.stderr.write(`lasthop controller: ${settings}\n\nlasthop controller --help tells the options\n`);
    return 2;
  }
  const stopped = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stopped.abort());
  return run(settings, stopped.signal);
}

async function run(settings: ControllerSettings, stopped: AbortSignal): Promise<number> {
  const { publisher, pool, lease, config, compile } = settings;
  const api = kubeApi(config);
  const log = (entry: Readonly<Record<string, unknown>>): void => console.log(JSON.stringify(entry));
  let leading: Controller | null = null;
  const health = createMetrics(() => ({ faults: leading?.faults ?? [], leading: leading !== null }));
  // A process that waits for the Lease is ready, too.
  const unready = (): string[] => (leading?.synced === false ? ["not synced", ...leading.faults] : []);
  const server = await openOperatorServer(settings.health, health.registry, unready).catch((error: unknown) => {
    process.stderr.write(
      `lasthop controller: ${error instanceof Error ? error.message : String(error)}; see --health\n`,
    );
    return null;
  });
  if (server === null) return 1;
  const runWhileLeading = async (lost: AbortSignal): Promise<void> => {
    log({ level: "info", message: "leading" });
    const signal = AbortSignal.any([lost, stopped]);
    leading = runController({
      api,
      publisher,
      pool,
      compile,
      signal,
      now: () => Date.now(),
      log,
      onPass: health.onPass,
    });
    await leading.done;
  };
  if (lease === null) await runWhileLeading(stopped);
  else {
    const identity = `${hostname()}_${randomBytes(6).toString("hex")}`;
    const onFault = (fault: string): void =>
      log({ level: "error", message: `Lease ${lease.namespace}/${lease.name}: ${fault}` });
    await lead({ api, ...lease, identity, signal: stopped, now: () => Date.now(), onFault }, runWhileLeading);
  }
  closeOperatorServer(server);
  if (stopped.aborted) return 0;
  process.stderr.write("lasthop controller: the Lease was lost; another process leads\n");
  return 1;
}

/** The settings of a command line; a message when it is wrong, null when it asks for help. */
function parseControllerArgs(args: readonly string[]): ControllerSettings | string | null {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        publish: { type: "string" },
        "publish-kv": { type: "boolean", default: false },
        addresses: { type: "string", default: "" },
        health: { type: "string", default: "127.0.0.1:9465" },
        lease: { type: "string", default: "lasthop-system/lasthop-controller" },
        kubeconfig: { type: "string" },
        ...COMPILE_OPTIONS,
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) return null;
    if ((values.publish === undefined) === !values["publish-kv"]) return "one of --publish and --publish-kv is wanted";
    const pool = parsePool(values.addresses.split(",").filter((each) => each !== ""));
    if (values.publish !== undefined && pool.length === 0) return "--publish wants --addresses to serve Gateways on";
    const health = parseHostPort(values.health);
    if (health === null) return `--health: ${JSON.stringify(values.health)} is not HOST:PORT`;
    const [namespace = "", name = ""] = values.lease.split("/");
    if (values.lease !== "none" && (namespace === "" || name === "")) return "--lease is NAMESPACE/NAME, or none";
    const config = configOf(values.kubeconfig);
    if (values.publish !== undefined) checkDirectory(values.publish);
    return {
      publisher: values.publish === undefined ? kvFromEnvironment() : directoryPublisher(values.publish),
      pool,
      health,
      lease: values.lease === "none" ? null : { namespace, name },
      config,
      compile: {
        allowLoopback: values["allow-loopback"],
        allowAddressAnnotation: values["allow-address-annotation"],
        allowExternalName: values["allow-external-name"],
        requireBackendTls: values["require-backend-tls"],
      },
    };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The kubeconfig. Throws an Error that names the file, the fault and the remedy. */
function configOf(file: string | undefined): KubeConfig {
  const config = new KubeConfig();
  const place = file ?? process.env["KUBECONFIG"];
  try {
    if (file === undefined) config.loadFromDefault();
    else config.loadFromString(readFileSync(file, "utf8"));
  } catch (error) {
    const [reason = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
    throw new Error(`the kubeconfig ${place ?? ""}: ${reason}; give --kubeconfig FILE, as kubectl takes it`, {
      cause: error,
    });
  }
  const server = config.getCurrentCluster()?.server;
  if (server === undefined)
    throw new Error(
      `the kubeconfig ${place ?? ""} names no cluster as its current one; see kubectl config use-context`,
    );
  // The client library returns this address when it finds neither a kubeconfig nor a Pod's ServiceAccount.
  if (place === undefined && server === "http://localhost:8080")
    throw new Error("there is no kubeconfig, and this is no Pod: give --kubeconfig FILE, or set KUBECONFIG");
  return config;
}

/** Creates the directory to publish to. Throws an Error when it cannot be written. */
function checkDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`--publish ${path}: ${reason}; give a directory that this user may write`, { cause: error });
  }
}

/** The publisher that the environment describes. Throws a RangeError that names a missing variable. */
function kvFromEnvironment(): Publisher {
  const required = (name: string): string => {
    const value = process.env[name];
    if (value === undefined || value === "")
      throw new RangeError(`--publish-kv wants the environment variable ${name}`);
    return value;
  };
  const kv = kvOverRest({
    accountId: required("CLOUDFLARE_ACCOUNT_ID"),
    namespaceId: required("LASTHOP_KV_NAMESPACE_ID"),
    apiToken: required("CLOUDFLARE_API_TOKEN"),
  });
  return kvPublisher(kv, process.env["LASTHOP_SEALING_KEY"] ?? null);
}
