/**
 * `npm run conformance`: runs the Gateway API conformance suite against `lasthop controller` and `lasthop serve`, with a
 * real kube-apiserver. README.md lists what the lab substitutes. Fails without Linux, root and Go.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createWriteStream, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { writeReport } from "./report.ts";
import { pause } from "../support/pause.ts";

const { values } = parseArgs({
  options: {
    suite: { type: "string", default: "1.7.0" },
    test: { type: "string" },
    keep: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    debug: { type: "boolean", default: false },
  },
});

const root = resolve(import.meta.dirname, "../..");
const lab = join(import.meta.dirname, "lab");
const home = resolve(process.env["LAB_HOME"] ?? join(root, ".lab"));
const env = { ...process.env, LAB_HOME: home, LAB_SUITE: values.suite };
const started: ChildProcess[] = [];

/** Runs a command of the lab, and returns its output. Throws when it fails. */
function inLab(...args: readonly string[]): string {
  const { status, stdout, error } = spawnSync(lab, args, {
    env,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`lab ${args.join(" ")}: exit status ${status}`);
  return stdout;
}

/** Starts a command of lasthop in the lab's network namespace. Its output goes to a log file. */
function start(name: string, ...args: readonly string[]): void {
  const log = createWriteStream(join(home, "log", `${name}.log`));
  const child = spawn(lab, ["x", process.execPath, join(root, "src/cli/main.ts"), name, ...args], { env });
  child.stdout.pipe(log);
  child.stderr.pipe(log);
  child.once("exit", (code) => {
    if (started.includes(child))
      console.error(`conformance: lasthop ${name} ended with ${code}, see ${log.path.toString()}`);
  });
  started.push(child);
}

async function stop(): Promise<void> {
  for (const child of started.splice(0)) {
    const exited = new Promise((ended) => child.once("exit", ended));
    if (child.exitCode === null && child.kill("SIGTERM"))
      await Promise.race([exited, pause(10_000, "A process that does not stop sends no event.")]);
    if (child.exitCode === null) child.kill("SIGKILL");
  }
  if (!values.keep) inLab("down");
}

async function accepted(): Promise<void> {
  for (let tries = 0; tries < 150; tries++) {
    const query = "jsonpath={.status.conditions[?(@.type=='Accepted')].status}";
    if (inLab("x", "kubectl", "get", "gatewayclass", "lasthop", "-o", query) === "True") return;
    await pause(200, "kubectl is asked again and again.");
  }
  throw new Error(`the GatewayClass was not accepted within 30 s, see ${join(home, "log")}`);
}

/** The version of the checkout, from `git describe`, for the report. */
function version(): string {
  const { stdout } = spawnSync("git", ["describe", "--always", "--dirty", "--abbrev=12"], {
    cwd: root,
    encoding: "utf8",
  });
  return stdout.trim();
}

/** Runs the suite, and resolves with its output, which also goes to a log file; test results are printed. */
async function suite(): Promise<string[]> {
  const log = createWriteStream(join(home, "log", "suite.log"));
  const child = spawn(
    lab,
    [
      "run",
      `-report-output=${join(home, "report.yaml")}`,
      "-url=https://lasthop.dev",
      "-contact=https://lasthop.dev",
      `-version=${version()}`,
      "-usable-address=127.2.0.200",
      "-unusable-address=127.9.9.9",
      ...(values.test === undefined ? [] : [`-run-test=${values.test}`]),
      ...(values.debug ? ["-debug", "-cleanup-test-resources=false"] : []),
    ],
    { env, stdio: ["ignore", "pipe", "pipe"] },
  );
  started.push(child);
  const lines: string[] = [];
  const read = (line: string): void => {
    log.write(`${line}\n`);
    lines.push(line);
    if (/^ {4}--- (?:PASS|FAIL)|^panic/.test(line)) console.log(line.trim());
  };
  createInterface(child.stdout).on("line", read);
  createInterface(child.stderr).on("line", read);
  await new Promise((ended) => child.once("close", ended));
  started.splice(started.indexOf(child), 1);
  log.end();
  return lines;
}

async function main(): Promise<number> {
  inLab("build");
  inLab("up");
  mkdirSync(join(home, "log"), { recursive: true });
  const publication = join(home, "state", "publication");
  rmSync(publication, { recursive: true, force: true });
  mkdirSync(publication, { recursive: true });
  try {
    inLab("crds");
    const deploy = join(root, "deploy/kubernetes");
    for (const file of ["namespace.yaml", "rbac.yaml", "gatewayclass.yaml"])
      inLab("x", "kubectl", "apply", "-f", join(deploy, file));
    // The deployment's image is in no registry, so the API server is only asked whether it accepts the object.
    inLab("x", "kubectl", "apply", "--dry-run=server", "-f", join(deploy, "deployment.yaml"));
    start("serve", publication, "--metrics-address=127.0.0.1:9464");
    const kubeconfig = join(home, "state", "controller.kubeconfig");
    start("controller", `--publish=${publication}`, "--addresses=127.2.0.0/24", `--kubeconfig=${kubeconfig}`);
    await accepted();
    const lines = await suite();
    const features = values.suite === "1.7.0" ? inLabFeatures() : null;
    const outcome = writeReport({
      suite: values.suite,
      lines,
      report: values.test === undefined ? readFileSync(join(home, "report.yaml"), "utf8") : null,
      features,
      version: version(),
      directory: values.write ? join(root, "docs/conformance") : null,
    });
    console.log(`${outcome.passed} passed, ${outcome.failed} failed`);
    return outcome.failed === 0 && outcome.passed > 0 ? 0 : 1;
  } finally {
    await stop();
  }
}

function inLabFeatures(): string {
  const { stdout } = spawnSync(join(home, "bin", `features-${values.suite}`), ["GATEWAY-HTTP"], { encoding: "utf8" });
  return stdout;
}

for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => void stop().then(() => process.exit(130)));
try {
  process.exitCode = await main();
} catch (error) {
  console.error(`conformance: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
