/** `lasthop build`: manifests → bundle.json, status.yaml and diagnostics. Exit 0, 1 or 2 as in design.md. */
import { realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { dump } from "js-yaml";
import {
  compile,
  type CompileOptions,
  type CompileResult,
  type Diagnostic,
  type InputsRead,
  type ObjectStatus,
  readInputs,
  reportJson,
  reportText,
  type Target,
} from "../compile/index.ts";
import { encodeSecrets } from "../bundle/secrets.ts";

export const BUILD_USAGE = `usage: lasthop build -f PATH… [options]

  -f, --filename PATH          a file, directory or glob of YAML or JSON manifests, or - for standard input; repeatable
  -n, --namespace NAMESPACE    of the objects that name none, as kubectl has it (default: default)
  -o, --output FILE            the bundle (default: bundle.json)
      --secrets FILE           the private keys of the bundle's certificates, readable by the owner alone
      --status FILE            what a controller would write into each object's status, as YAML
      --format text|json       diagnostics for people (standard error) or as one JSON document (standard output)
      --gateway NAMESPACE/NAME which Gateway the bundle serves, when the inputs have several
      --target HOST            cloudflare, node, deno or bun: refuse what that host cannot do
      --allow-loopback         let loopback, link-local, metadata, unspecified and multicast addresses in
      --allow-address-annotation  honour lasthop.dev/addresses on Services
      --allow-external-name    forward to Services of type ExternalName (CVE-2021-25740)
      --require-backend-tls    refuse backends that neither a BackendTLSPolicy nor an appProtocol for plaintext accounts for

exit status: 0 everything accepted; 1 an object or reference is refused, and the bundle fails closed there;
2 wrong usage or unreadable input, and nothing is written
`;

export interface BuildOptions extends CompileOptions {
  /** As `-f`. */
  readonly paths: readonly string[];
  /** What `paths` lead to, when that has been read already. */
  readonly inputs?: InputsRead | undefined;
  readonly output: string;
  readonly secrets?: string | undefined;
  readonly status?: string | undefined;
  readonly format?: "text" | "json" | undefined;
  readonly colour?: boolean | undefined;
  /** Gets the report, when there is something to say. */
  readonly print: (text: string) => void;
}

export interface StatusSummary extends ObjectStatus {
  /** One line a condition: `BackendTLSPolicy shop/ledger under shop/edge: Accepted=False Invalid: …`. */
  readonly summary: readonly string[];
}

export interface BuildResult {
  readonly exitCode: 0 | 1 | 2;
  readonly statuses: readonly StatusSummary[];
  readonly diagnostics: readonly Diagnostic[];
  /** Of the bundle; empty when none was written. */
  readonly digest: string;
  /** The port of the bundle's first HTTP listener; 80 when it has none. */
  readonly listenerPort: number;
}

/** The command line. */
export async function build(args: readonly string[]): Promise<number> {
  const parsed = parseBuildArgs(args);
  if (typeof parsed === "string") {
    process.stderr.write(`lasthop build: ${parsed}\n\n${BUILD_USAGE}`);
    return 2;
  }
  if (parsed === null) {
    process.stdout.write(BUILD_USAGE);
    return 0;
  }
  const stream = parsed.format === "json" ? process.stdout : process.stderr;
  const colour = process.stderr.isTTY && process.env["NO_COLOR"] === undefined;
  const { exitCode } = await buildOnce({ ...parsed, colour, print: (text) => void stream.write(text) });
  return exitCode;
}

/** Reads, compiles, reports and writes; nothing is written when the exit code is 2. */
export async function buildOnce(options: BuildOptions): Promise<BuildResult> {
  const written = [options.output, options.secrets, options.status].filter((path) => path !== undefined);
  const { documents, faults } = options.inputs ?? readInputs(options.paths, written);
  // The other inputs are read all the same, so that one run tells everything.
  const compiled = compile(documents, { ...options, nowMs: Date.now() });
  const fatal = faults.length > 0 || compiled.fatal;
  const noGateway =
    faults.length > 0 ? compiled.diagnostics.filter(({ code }) => code !== "gateway-not-found") : compiled.diagnostics;
  const diagnostics = [...faults, ...noGateway];
  if (compiled.secrets !== null && options.secrets === undefined) diagnostics.push(SECRETS_NOT_WRITTEN);
  const write = fatal ? null : writeOutputs(options, compiled);
  if (write !== null) diagnostics.push(...write);
  const exitCode =
    fatal || (write?.length ?? 0) > 0 ? 2 : diagnostics.some(({ severity }) => severity === "error") ? 1 : 0;
  const report = { diagnostics, skipped: compiled.skipped, plaintext: fatal ? [] : compiled.plaintext };
  const text = options.format === "json" ? reportJson(report) : reportText(report, options.colour ?? false);
  if (text !== "") options.print(text);
  return {
    exitCode,
    diagnostics,
    statuses: compiled.statuses.map((status) => ({ ...status, summary: summarize(status) })),
    digest: exitCode === 2 ? "" : (compiled.bundle?.digest ?? ""),
    listenerPort: compiled.bundle?.listeners.find(({ protocol }) => protocol === "HTTP")?.port ?? 80,
  };
}

const SECRETS_NOT_WRITTEN: Diagnostic = {
  severity: "warning",
  code: "secrets-not-written",
  message:
    "the bundle's certificates have private keys, which no bundle holds, and a host that presents them needs them",
  location: null,
  object: null,
  path: null,
  expected: "--secrets FILE",
  found: null,
  remedy: "build with --secrets FILE, and give the file to the host",
  note: null,
};

interface Output {
  readonly path: string;
  readonly contents: string;
  readonly mode: number;
  /** Null for what is no file, such as `/dev/null` or a pipe: written to, never replaced. */
  readonly temporary: string | null;
}

/** Where a path leads: a link keeps leading there. */
function outputAt(path: string, contents: string, mode = 0o666): Output {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isDirectory() === true) throw new Error(`${path} is a directory`);
  if (found !== undefined && !found.isFile()) return { path, contents, mode, temporary: null };
  const target = found === undefined ? path : realpathSync(path);
  return { path: target, contents, mode, temporary: join(dirname(target), `.${basename(target)}.${process.pid}.tmp`) };
}

/** All files or none: each is written beside its place, then renamed, so that readers see the old one or the new. */
function writeOutputs(
  { output, secrets, status }: BuildOptions,
  { text, secrets: keys, statuses }: CompileResult,
): Diagnostic[] {
  const outputs: Output[] = [];
  try {
    if (status !== undefined) outputs.push(outputAt(status, statusYaml(statuses)));
    // Before the bundle that needs them.
    if (secrets !== undefined) outputs.push(outputAt(secrets, keys ?? encodeSecrets(new Map()), 0o600));
    if (text !== null) outputs.push(outputAt(output, text));
    const files = outputs.filter(({ temporary }) => temporary !== null);
    if (new Set(files.map(({ path }) => path)).size < files.length) throw new Error("two outputs are one file");
    for (const { path, temporary, contents, mode } of outputs) {
      // Made anew, so that a link somebody left there leads nowhere.
      if (temporary !== null) rmSync(temporary, { force: true });
      writeFileSync(temporary ?? path, contents, { mode, flag: temporary === null ? "w" : "wx" });
    }
    for (const { path, temporary } of outputs) if (temporary !== null) renameSync(temporary, path);
    return [];
  } catch (error) {
    for (const { temporary } of outputs) if (temporary !== null) rmSync(temporary, { force: true });
    const message = `cannot write: ${error instanceof Error ? error.message : String(error)}`;
    return [
      {
        severity: "error",
        code: "output-unwritable",
        message,
        location: null,
        object: null,
        path: null,
        expected: "a writable file in a directory that exists",
        found: null,
        remedy: "correct -o, --secrets or --status",
        note: null,
      },
    ];
  }
}

/** One document an object: apiVersion, kind, metadata and the whole status. */
export function statusYaml(statuses: readonly ObjectStatus[]): string {
  return statuses.map((status) => dump(status, { lineWidth: -1, noRefs: true })).join("---\n");
}

interface ConditionLike {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

function summarize({ kind, metadata, status }: ObjectStatus): string[] {
  const name = `${kind} ${metadata.namespace === undefined ? "" : `${metadata.namespace}/`}${metadata.name}`;
  const lines: string[] = [];
  const add = (where: string, conditions: readonly ConditionLike[]): void => {
    for (const { type, status: value, reason, message } of conditions) {
      lines.push(
        `${name}${where}: ${type}=${value} ${reason}${value === "False" && type !== "Conflicted" ? `: ${message}` : ""}`,
      );
    }
  };
  const {
    conditions = [],
    listeners = [],
    parents = [],
    ancestors = [],
  } = status as {
    conditions?: ConditionLike[];
    listeners?: { name: string; conditions: ConditionLike[] }[];
    parents?: { parentRef: { name: string }; conditions: ConditionLike[] }[];
    ancestors?: { ancestorRef: { namespace: string; name: string }; conditions: ConditionLike[] }[];
  };
  add("", conditions);
  for (const listener of listeners) add(` listener ${listener.name}`, listener.conditions);
  for (const { parentRef, conditions: own } of parents) add(` under ${parentRef.name}`, own);
  for (const { ancestorRef, conditions: own } of ancestors)
    add(` under ${ancestorRef.namespace}/${ancestorRef.name}`, own);
  if (lines.length === 0) lines.push(`${name}: no ancestor`);
  return lines;
}

const TARGETS: readonly Target[] = ["cloudflare", "node", "deno", "bun"];

/** What is wrong, or null for `--help`. */
export function parseBuildArgs(args: readonly string[]): Omit<BuildOptions, "print" | "inputs"> | string | null {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        filename: { type: "string", short: "f", multiple: true },
        namespace: { type: "string", short: "n" },
        output: { type: "string", short: "o", default: "bundle.json" },
        secrets: { type: "string" },
        status: { type: "string" },
        format: { type: "string", default: "text" },
        gateway: { type: "string" },
        target: { type: "string" },
        "allow-loopback": { type: "boolean", default: false },
        "allow-address-annotation": { type: "boolean", default: false },
        "allow-external-name": { type: "boolean", default: false },
        "require-backend-tls": { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) return null;
    // `-f a b c`, as a shell expands a glob.
    const paths = [...(values.filename ?? []), ...(values.filename === undefined ? [] : positionals)];
    if (paths.length === 0)
      return positionals.length === 0 ? "no inputs: give at least one -f PATH" : "inputs are given with -f";
    const { format, target, gateway, namespace } = values;
    if (namespace !== undefined && !/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(namespace))
      return `--namespace must be the name of a namespace, not ${JSON.stringify(namespace)}`;
    if (format !== "text" && format !== "json") return `--format must be text or json, not ${JSON.stringify(format)}`;
    if (target !== undefined && !isTarget(target))
      return `--target must be one of ${TARGETS.join(", ")}, not ${JSON.stringify(target)}`;
    const outputs = [values.output, values.secrets, values.status].flatMap((path) =>
      path === undefined ? [] : resolve(path),
    );
    if (new Set(outputs).size < outputs.length) return "-o, --secrets and --status must name different files";
    if (gateway !== undefined && !/^[^/]+\/[^/]+$/.test(gateway))
      return `--gateway must be NAMESPACE/NAME, not ${JSON.stringify(gateway)}`;
    return {
      paths,
      namespace,
      output: values.output,
      secrets: values.secrets,
      status: values.status,
      format,
      gateway,
      target,
      allowLoopback: values["allow-loopback"],
      allowAddressAnnotation: values["allow-address-annotation"],
      allowExternalName: values["allow-external-name"],
      requireBackendTls: values["require-backend-tls"],
    };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const isTarget = (value: string): value is Target => (TARGETS as readonly string[]).includes(value);
