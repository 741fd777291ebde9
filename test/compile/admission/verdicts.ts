/** The verdicts of an API server and of `build` about the cases, and their comparison. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Diagnostics, type FieldPath, formatPath } from "../../../src/compile/diagnostics/diagnostics.ts";
import { pruneNulls } from "../../../src/compile/document/objects.ts";
import { type RawObject } from "../../../src/compile/kubernetes/raw-object.ts";
import { load } from "../../../src/compile/load/load.ts";
import { Memory } from "../../../src/compile/memory/memory.ts";
import { type Definitions, readDefinitions } from "../../../src/compile/schema/definitions.ts";
import type { AdmissionCase, Definition, KubeObject } from "./parts.ts";

/** The reason and the field of a refusal: `FieldValueRequired spec.targetRefs[0].name`. Of `build`, the code and the field. */
export type Refusal = `${string} ${string}`;
/** The verdict about one case. */
export type Verdict = "accepted" | readonly Refusal[];
/** Verdicts by the case's name. */
export type Verdicts = ReadonlyMap<string, Verdict>;

const RECORD = join(import.meta.dirname, "../fixtures/admission.json");

/** The verdicts of the real API server, as `npm run conformance:admission -- --write` wrote them. */
export function recordedVerdicts(): Verdicts {
  const record = JSON.parse(readFileSync(RECORD, "utf8")) as Record<string, Record<string, Verdict>>;
  return new Map(
    Object.entries(record).flatMap(([field, verdicts]) =>
      Object.entries(verdicts).map(([change, verdict]) => [`${field}${change}`, verdict] as const),
    ),
  );
}

/** Records verdicts, a line for each field. */
export function recordVerdicts(verdicts: Verdicts): void {
  const fields = Map.groupBy(verdicts, ([name]) => name.split(" ", 4).join(" "));
  const lines = [...fields].map(([field, own]) => {
    const changes = own.map(([name, verdict]) => [name.slice(field.length), verdict] as const);
    return `${JSON.stringify(field)}: ${JSON.stringify(Object.fromEntries(changes))}`;
  });
  writeFileSync(RECORD, `{\n${lines.join(",\n")}\n}\n`);
}

/** The verdicts of `build` with no definitions among its inputs. */
export function buildVerdicts(cases: readonly AdmissionCase[]): Verdicts {
  return new Map(
    cases.map(({ name, object }) => {
      const diagnostics = new Diagnostics();
      load([rawObject(object)], "inputs", new Memory(), diagnostics);
      return [
        name,
        verdictOf(
          diagnostics
            .sorted()
            .filter(({ severity }) => severity === "error")
            .map(({ code, path }): Refusal => `${code} ${path ?? ""}`),
        ),
      ];
    }),
  );
}

/** The case of a field of the metadata that the API machinery does not know, and a later version may know. */
const UNKNOWN_METADATA = "HTTPRoute v1 metadata others 0";

/** The cases about which `build` differs from an API server with the experimental CRDs. */
export const EXCEPTIONS: ReadonlySet<string> = new Set([
  // The rule asks `exists_one`, so that two faults pass it. The API wants the route not accepted all the same.
  ...["v1", "v1beta1"].flatMap((version) =>
    ["redirect", "rewrite"].flatMap((type) =>
      ["empty", "exact", "regex", "two"].map((name) => `HTTPRoute ${version} ${type}-prefix-backends-${name}`),
    ),
  ),
  // The standard channel takes an empty caCertificateRefs, the experimental one not.
  "BackendTLSPolicy v1 ca-empty-refs-well-known",
  "BackendTLSPolicy v1alpha3 ca-empty-refs-well-known",
  UNKNOWN_METADATA,
]);

/** The cases about which the definitions differ from an API server. */
export const DEFINITION_EXCEPTIONS: ReadonlySet<string> = new Set([UNKNOWN_METADATA]);

/** The verdicts of the definitions by themselves, as among the inputs of `build`. */
export function definitionVerdicts(cases: readonly AdmissionCase[], definitions: readonly Definition[]): Verdicts {
  const own = definitionsOf(definitions);
  return new Map(
    cases.map(({ name, object }) => {
      const problems = own.check(rawObject(object));
      const refused = problems.filter(({ severity }) => severity !== "warning");
      return [name, verdictOf(refused.map(({ code, path }): Refusal => `${code} ${formatPath(path)}`))];
    }),
  );
}

/** The rules and the structure that the cases break, with the messages of the definitions. */
export function brokenRulesOf(
  cases: readonly AdmissionCase[],
  definitions: readonly Definition[],
): { readonly kind: string; readonly path: FieldPath; readonly message: string }[] {
  const own = definitionsOf(definitions);
  return cases.flatMap(({ object }) =>
    own.check(rawObject(object)).map(({ path, message }) => ({ kind: object.kind, path, message })),
  );
}

const definitionsOf = (definitions: readonly Definition[]): Definitions =>
  readDefinitions(definitions.map(rawObject), ({ ref }, { message }) => {
    throw new Error(`${ref.name}: ${message}`);
  });

const verdictOf = (refusals: readonly Refusal[]): Verdict => (refusals.length === 0 ? "accepted" : refusals);

function rawObject(object: KubeObject): RawObject {
  const { apiVersion, kind, metadata } = object;
  const [group = "", version = ""] = apiVersion.split("/");
  return {
    ref: { apiVersion, kind, namespace: null, name: metadata.name },
    group,
    version,
    value: pruneNulls(structuredClone(object) as Record<string, unknown>),
    locate: () => null,
  };
}

/** The cases about which we differ from the server, with both verdicts. Those of `exceptions` must differ, and are left out. */
export function differing(server: Verdicts, ours: Verdicts, exceptions: ReadonlySet<string>): string[] {
  const all = new Map([...ours].map(([name, verdict]) => [name, difference(server.get(name), verdict)]));
  return [...all].flatMap(([name, fault]) => {
    if (exceptions.has(name)) return fault === null ? [`${name}: no exception any more`] : [];
    return fault === null ? [] : [`${name}: ${fault}`];
  });
}

/** What differs between two verdicts, or null. One field of `build` must be one that the server names, when it names any. */
function difference(server: Verdict | undefined, ours: Verdict): string | null {
  const both = `server: ${text(server)}; build: ${text(ours)}`;
  if (server === undefined) return both;
  if (server === "accepted" || ours === "accepted") return server === ours ? null : both;
  const named = server.map(fieldOf).filter((field) => field !== "<nil>");
  if (named.length === 0) return null;
  return ours.map(fieldOf).some((field) => named.some((other) => sameField(other, field))) ? null : both;
}

const text = (verdict: Verdict | undefined): string =>
  typeof verdict === "object" ? verdict.slice(0, 4).join(", ") : (verdict ?? "nothing");

const fieldOf = (refusal: Refusal): string => refusal.slice(refusal.indexOf(" ") + 1);

/**
 * Whether two refusals name the same field. A rule of the server names the field where the rule stands, and `build` often
 * the one beneath that breaks it, or the object that lacks the field. The two spell keys of maps differently.
 */
function sameField(server: string, ours: string): boolean {
  const [a, b] = [steps(server), steps(ours)];
  const shared = a.every((step, index) => index >= b.length || step === b[index]);
  return shared && b.length >= a.length - 1;
}

const steps = (field: string): string[] => field.split(/[.[\]"]+/).filter((step) => step !== "");
