/**
 * `npm run conformance:admission`: compares the verdicts of `build` and of the lab's real kube-apiserver on the objects of
 * test/compile/admission. `--write` records the CRDs and the server's verdicts for test/compile/admission.test.ts.
 */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { load } from "js-yaml";
import type { Json } from "../../../src/compile/schema/structural.ts";
import { admissionCases } from "../../compile/admission/cases.ts";
import { OWN_DEFINITION, ownCases } from "../../compile/admission/own.ts";
import type { Definition } from "../../compile/admission/parts.ts";
import {
  buildVerdicts,
  definitionVerdicts,
  DEFINITION_EXCEPTIONS,
  differing,
  EXCEPTIONS,
  recordedVerdicts,
  recordVerdicts,
} from "../../compile/admission/verdicts.ts";
import { serverVerdicts } from "./server.ts";

const root = resolve(import.meta.dirname, "../../..");
const lab = join(root, "test/conformance/lab");
const home = resolve(process.env["LAB_HOME"] ?? join(root, ".lab"));
const PLURALS = ["gatewayclasses", "gateways", "listenersets", "httproutes", "backendtlspolicies", "referencegrants"];
/** The argument with which the lab starts this script again in its network namespace. */
const INSIDE = "--inside";
const WRITE = "--write";

/** The CRDs that the lab has applied, without fields that no verdict depends on. */
function definitionsOfLab(): Definition[] {
  return PLURALS.map((plural) => {
    const file = join(home, "crds-1.7.0/experimental", `gateway.networking.k8s.io_${plural}.yaml`);
    const { apiVersion, kind, metadata, spec } = load(readFileSync(file, "utf8")) as Definition;
    const versions = spec.versions.map(({ schema, name, served, storage }) => ({
      name,
      served,
      storage,
      schema: withoutDescriptions(schema),
    }));
    const { group, names, scope } = spec;
    return {
      apiVersion,
      kind,
      metadata: { name: metadata.name },
      spec: { group, names: { kind: names.kind, plural }, scope, versions },
    } as Definition;
  });
}

function withoutDescriptions(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutDescriptions);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, own]) => key !== "status" && (key !== "description" || typeof own !== "string"))
      .map(([key, own]) => [key, withoutDescriptions(own)]),
  );
}

async function compare(): Promise<number> {
  const definitions = definitionsOfLab();
  const known = admissionCases(definitions);
  const cases = [...known, ...ownCases()];
  const all = [...definitions, OWN_DEFINITION];
  const server = await serverVerdicts(cases, all);
  if (process.argv.includes(WRITE)) {
    writeFileSync(join(root, "test/compile/fixtures/crds.json"), `${JSON.stringify(definitions)}\n`);
    recordVerdicts(server);
  }
  const recorded = recordedVerdicts();
  const faults = [
    ...cases.flatMap(({ name }) => {
      const live = JSON.stringify(server.get(name));
      return live === JSON.stringify(recorded.get(name)) ? [] : [`${name}: not as recorded: ${live}`];
    }),
    ...differing(server, buildVerdicts(known), EXCEPTIONS),
    ...differing(server, definitionVerdicts(cases, all), DEFINITION_EXCEPTIONS),
  ];
  for (const fault of faults) console.log(fault);
  const refused = [...server.values()].filter((verdict) => verdict !== "accepted").length;
  console.log(`${cases.length} cases, ${refused} of them refused by the server, ${faults.length} faults`);
  return faults.length === 0 && refused > 0 ? 0 : 1;
}

/** Runs a command of the lab, and returns its exit status. */
function inLab(...args: readonly string[]): number {
  const { status, error } = spawnSync(lab, args, { env: { ...process.env, LAB_HOME: home }, stdio: "inherit" });
  if (error !== undefined) throw error;
  return status ?? 1;
}

function main(): number {
  if (inLab("build") !== 0 || inLab("up") !== 0) return 1;
  try {
    // kubectl also reads JSON from a file whose name ends in .yaml.
    const own = join(home, "state", "oddities.yaml");
    writeFileSync(own, JSON.stringify(OWN_DEFINITION));
    if (inLab("x", "kubectl", "apply", "--server-side", "-f", own) !== 0 || inLab("crds") !== 0) return 1;
    return inLab("x", process.execPath, import.meta.filename, ...process.argv.slice(2), INSIDE);
  } finally {
    inLab("down");
  }
}

process.exitCode = process.argv.includes(INSIDE) ? await compare() : main();
