/** The command line of `lasthop build`. */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import type { CompileOptions, InputsRead, Target } from "../../compile/index.ts";
import { COMPILE_OPTIONS } from "../compile-options.ts";

/** The help text. */
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

/** The options of one build. `paths`, `output`, `secrets`, `status` and `format` are those of the command line. */
export interface BuildOptions extends CompileOptions {
  readonly paths: readonly string[];
  /** The contents of `paths`, when they have been read already. */
  readonly inputs?: InputsRead | undefined;
  readonly output: string;
  readonly secrets?: string | undefined;
  readonly status?: string | undefined;
  readonly format?: "text" | "json" | undefined;
  /** Whether a text report has colours. */
  readonly colour?: boolean | undefined;
  /** A callback with the report, unless it is empty. */
  readonly print: (text: string) => void;
}

const TARGETS: readonly Target[] = ["cloudflare", "node", "deno", "bun"];

/** The options of a command line; a message when it is wrong, null for `--help`. */
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
        ...COMPILE_OPTIONS,
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) return null;
    // A shell expands the glob of `-f *.yaml`, which leaves all paths but the first as positional arguments.
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
