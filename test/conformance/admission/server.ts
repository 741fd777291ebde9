/** The verdicts of the API server of `KUBECONFIG` on objects, by a server-side dry run with strict fields, as in kubectl. */
import type { OutgoingHttpHeaders } from "node:http";
import { Agent, request, type RequestOptions } from "node:https";
import { KubeConfig } from "@kubernetes/client-node";
import type { AdmissionCase } from "../../compile/admission/parts.ts";
import type { Definition } from "../../compile/admission/parts.ts";
import type { Refusal, Verdict, Verdicts } from "../../compile/admission/verdicts.ts";

const AT_ONCE = 16;

/** The verdicts, in the order of the cases. Throws for a response that neither accepts nor refuses the object. */
export async function serverVerdicts(
  cases: readonly AdmissionCase[],
  definitions: readonly Definition[],
): Promise<Verdicts> {
  const config = new KubeConfig();
  config.loadFromDefault();
  const server = config.getCurrentCluster()?.server;
  if (server === undefined) throw new Error("no cluster in KUBECONFIG");
  const options: RequestOptions = { method: "POST", agent: new Agent({ keepAlive: true, maxSockets: AT_ONCE }) };
  await config.applyToHTTPSOptions(options);
  const verdicts = new Map<string, Verdict>(cases.map(({ name }) => [name, "accepted"]));
  const waiting = cases.values();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const { name, object } of waiting) {
        const { status, body } = await post(new URL(pathOf(object, definitions), server), options, object);
        verdicts.set(name, verdictOf(status, body, name));
      }
    }),
  );
  return verdicts;
}

function pathOf({ apiVersion, kind }: AdmissionCase["object"], definitions: readonly Definition[]): string {
  const spec = definitions.find(({ spec: { names } }) => names.kind === kind)?.spec;
  if (spec === undefined) throw new Error(`no definition of ${kind}`);
  const namespace = spec.scope === "Namespaced" ? "/namespaces/default" : "";
  return `/apis/${apiVersion}${namespace}/${spec.names.plural}?dryRun=All&fieldValidation=Strict`;
}

async function post(url: URL, options: RequestOptions, object: object): Promise<{ status: number; body: string }> {
  const body = JSON.stringify(object);
  const { agent, ...others } = options;
  const headers = {
    ...(options.headers as OutgoingHttpHeaders),
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
  };
  return new Promise((resolve, reject) => {
    const sent = request(url, { ...others, ...(agent === undefined ? {} : { agent }), headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
      response.on("error", reject);
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

interface Status {
  readonly message: string;
  readonly details?: { readonly causes?: readonly { readonly reason: string; readonly field?: string }[] };
}

function verdictOf(status: number, body: string, name: string): Verdict {
  if (status === 201) return "accepted";
  const { message, details } = JSON.parse(body) as Status;
  const unknown = [...message.matchAll(/unknown field "([^"]+)"/g)].map(
    ([, path = ""]): Refusal => `UnknownField ${path}`,
  );
  const causes = (details?.causes ?? []).map(({ reason, field = "" }): Refusal => `${reason} ${field}`);
  const refusals = [...new Set([...unknown, ...causes])].sort();
  // The server refuses an object that it cannot decode without naming a field.
  if (status === 400 && refusals.length === 0) return ["BadRequest <nil>"];
  if ((status !== 400 && status !== 422) || refusals.length === 0) throw new Error(`${name}: ${status} ${body}`);
  return refusals;
}
