/**
 * The check of the demo: sends every printed request, and compares status, code, the SNI that the backend saw, and after a
 * refusal that the backend received no request byte.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import type { DemoBackends } from "./backends.ts";
import { curlCommand, expectation, type DemoRequest, REQUESTS } from "./requests.ts";

interface CheckOptions {
  readonly backends: DemoBackends;
  readonly port: number;
  /** The path of a copy of routes.yaml, which the check edits. */
  readonly manifest: string;
}

const RELOAD_TIMEOUT_MS = 30_000;
const REQUEST_TIMEOUT_MS = 20_000;

/** Runs the check, prints each result, and resolves with the number of requests that were not answered as printed. */
export async function check({ backends, port, manifest }: CheckOptions): Promise<number> {
  let passed = 0;
  let failed = 0;
  const report = (name: string, problem: string | null): void => {
    if (problem === null) passed++;
    else failed++;
    console.log(problem === null ? `ok      ${name}` : `FAILED  ${name}\n        ${problem}`);
  };

  for (const line of REQUESTS)
    report(`${curlCommand(line, port)} → ${expectation(line)}`, await problemWith(line, port, backends));

  const [first] = REQUESTS;
  if (first === undefined) throw new RangeError("the demo has no lines");
  const original = readFileSync(manifest, "utf8");
  const swapped = original.replace("name: shop-ca", "name: other-ca");
  const refused: DemoRequest = {
    ...first,
    why: "the first line after its policy's CA was swapped",
    expect: { kind: "refused", status: 502, code: "unknown-ca", silent: "shared" },
  };
  save(manifest, swapped);
  report(`other-ca for shop-ca: ${expectation(refused)}`, await eventually(refused, port, backends));
  save(manifest, `${swapped}\n--- {broken: [\n`);
  await pause(2_000);
  report("a broken edit: the last good bundle keeps serving", await problemWith(refused, port, backends));
  save(manifest, original);
  report(`shop-ca again: ${expectation(first)}`, await eventually(first, port, backends));

  console.log(`${passed} passed, ${failed} failed`);
  return failed;
}

/** What is wrong with the answer to one request, or null. */
async function problemWith(
  { host, path, headers, expect }: DemoRequest,
  port: number,
  backends: DemoBackends,
): Promise<string | null> {
  const silent = expect.kind === "refused" && expect.silent !== null ? backends.seen[expect.silent] : null;
  const bytesBefore = silent?.requestBytes ?? 0;
  const sniBefore = silent?.sni.length ?? 0;
  const answer = await ask(port, path, { ...headers, host });
  if (answer.status !== expect.status) return `status ${answer.status}: ${answer.body.trim()}`;
  if (expect.kind === "answered") {
    const { sni } = JSON.parse(answer.body) as { sni?: string };
    return sni === expect.sni ? null : `the backend saw SNI ${sni}`;
  }
  const { code } = JSON.parse(answer.body) as { code?: string };
  if (code !== expect.code) return `code ${code}`;
  if (!answer.proxyStatus.includes(`details="${code}"`)) return `Proxy-Status: ${answer.proxyStatus}`;
  if (silent === null) return null;
  // The backend must have seen the handshake: a refusal before the dial would prove nothing about certificates.
  if (silent.sni.length === sniBefore) return "the backend was never asked for its certificate";
  const received = silent.requestBytes - bytesBefore;
  return received === 0 ? null : `the backend received ${received} request bytes`;
}

/** Sends one request until it is answered as expected, because the worker needs time to load a new bundle. Null then. */
async function eventually(line: DemoRequest, port: number, backends: DemoBackends): Promise<string | null> {
  const deadline = Date.now() + RELOAD_TIMEOUT_MS;
  let problem: string | null;
  do {
    await pause(250);
    problem = await problemWith(line, port, backends).catch((error: unknown) => String(error));
  } while (problem !== null && Date.now() < deadline);
  return problem;
}

interface Answer {
  readonly status: number;
  readonly proxyStatus: string;
  readonly body: string;
}

function ask(port: number, path: string, headers: Readonly<Record<string, string>>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, path, headers, timeout: REQUEST_TIMEOUT_MS }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (body += chunk));
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, proxyStatus: String(response.headers["proxy-status"]), body }),
      );
      response.on("error", reject);
    });
    sent.on("timeout", () => sent.destroy(new Error("no answer in time")));
    sent.on("error", reject);
    sent.end();
  });
}

/** Saves a file as editors do: writes another one and renames it. */
function save(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));
