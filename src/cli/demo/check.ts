/** Asks every printed line and compares: status, code, the SNI the backend saw, and its silence after a refusal. */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import type { DemoBackends } from "./backends.ts";
import { curlLine, expectation, type Line, LINES } from "./lines.ts";

export interface CheckOptions {
  readonly backends: DemoBackends;
  readonly port: number;
  /** A copy of routes.yaml that this may edit. */
  readonly manifest: string;
}

const RELOAD_TIMEOUT_MS = 30_000;
const REQUEST_TIMEOUT_MS = 20_000;

/** How many lines did not answer as printed. */
export async function check({ backends, port, manifest }: CheckOptions): Promise<number> {
  let passed = 0;
  let failed = 0;
  const say = (name: string, problem: string | null): void => {
    if (problem === null) passed++;
    else failed++;
    console.log(problem === null ? `ok      ${name}` : `FAILED  ${name}\n        ${problem}`);
  };

  for (const line of LINES)
    say(`${curlLine(line, port)} → ${expectation(line)}`, await verdictOn(line, port, backends));

  const [first] = LINES;
  if (first === undefined) throw new RangeError("the demo has no lines");
  const original = readFileSync(manifest, "utf8");
  const swapped = original.replace("name: shop-ca", "name: other-ca");
  const refused: Line = {
    ...first,
    why: "the first line after its policy's CA was swapped",
    expect: { kind: "refused", status: 502, code: "unknown-ca", silent: "shared" },
  };
  save(manifest, swapped);
  say(`other-ca for shop-ca: ${expectation(refused)}`, await eventually(refused, port, backends));
  save(manifest, `${swapped}\n--- {broken: [\n`);
  await pause(2_000);
  say("a broken edit: the last good bundle keeps serving", await verdictOn(refused, port, backends));
  save(manifest, original);
  say(`shop-ca again: ${expectation(first)}`, await eventually(first, port, backends));

  console.log(`${passed} passed, ${failed} failed`);
  return failed;
}

/** What is wrong with the answer to one line, or null. */
async function verdictOn(
  { host, path, headers, expect }: Line,
  port: number,
  backends: DemoBackends,
): Promise<string | null> {
  const silent = expect.kind === "refused" && expect.silent !== null ? backends.seen[expect.silent] : null;
  const before = silent?.requestBytes ?? 0;
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
  // A refusal before the dial would prove nothing about the handshake.
  if (silent.sni.length === sniBefore) return "the backend was never asked for its certificate";
  return silent.requestBytes === before ? null : `the backend received ${silent.requestBytes - before} request bytes`;
}

/** The line's verdict once the worker has loaded a new bundle, or the last problem when it does not in time. */
async function eventually(line: Line, port: number, backends: DemoBackends): Promise<string | null> {
  const deadline = Date.now() + RELOAD_TIMEOUT_MS;
  let problem: string | null;
  do {
    await pause(250);
    problem = await verdictOn(line, port, backends).catch((error: unknown) => String(error));
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

/** Renamed into place, as editors do. */
function save(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

/** A port nobody listens on just now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => void server.close(() => resolve()));
  return port;
}
