/** Processes of a benchmark: each runs on one core; their CPU time is read from /proc. */
import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants, readFileSync } from "node:fs";
import { connect } from "node:net";
import { delimiter, join } from "node:path";

const START_MS = 30_000;
const STOP_MS = 5_000;
/** The unit of CPU times in /proc/PID/stat (USER_HZ), which is 100 on every Linux that Node.js supports. */
const TICKS_PER_SECOND = 100;

/** A started process. */
export interface Running {
  readonly pid: number;
  /** Ends the process by SIGTERM, or after a time by SIGKILL. Resolves when it has ended. */
  stop(): Promise<void>;
}

interface Start {
  readonly command: readonly [string, ...string[]];
  /** The number of the core that the process runs on, or a list of them: `0,1`. */
  readonly core: number | string;
  /** A port that accepts connections once the process serves. */
  readonly port: number;
  readonly cwd?: string;
}

/**
 * Starts a process and waits until it serves. Its standard output, which may be an access log, goes to /dev/null; its
 * standard error is part of the error when it does not serve.
 */
export async function start({ command, core, port, cwd }: Start): Promise<Running> {
  const child = spawn("taskset", ["-c", String(core), ...command], { cwd, stdio: ["ignore", "ignore", "pipe"] });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-4_000)));
  const ended = new Promise<void>((resolve) => void child.once("close", resolve));
  const deadline = performance.now() + START_MS;
  while (!(await accepts(port))) {
    const waiting = child.exitCode === null && performance.now() < deadline;
    if (!waiting) {
      child.kill("SIGKILL");
      throw new Error(`${command.join(" ")} does not serve: ${stderr}`);
    }
    await new Promise((resolve) => void setTimeout(resolve, 50));
  }
  if (child.pid === undefined) throw new Error(`${command[0]} has no pid`);
  return { pid: child.pid, stop: () => stop(child, ended) };
}

async function stop(child: ChildProcess, ended: Promise<void>): Promise<void> {
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  await ended;
  clearTimeout(timer);
}

/** The CPU time of a process and its descendants so far, user and system, in µs. Its resolution is 10 ms. */
export function cpuMicros(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  // The command in parentheses may hold spaces. Counted from 1, utime and stime are the fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const own = ((Number(fields[11]) + Number(fields[12])) * 1e6) / TICKS_PER_SECOND;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").split(" ").filter(Boolean);
  return children.reduce((sum, child) => sum + cpuMicros(Number(child)), own);
}

/** Throws when a program is not installed. `programs` has the name of its Debian package, which the error names. */
export function demand(programs: Readonly<Record<string, string>>): void {
  const missing = Object.entries(programs).filter(([program]) => find(program) === null);
  if (missing.length === 0) return;
  throw new Error(
    `not installed: ${missing.map(([program]) => program).join(", ")}; apt-get install ${missing.map(([, name]) => name).join(" ")}`,
  );
}

/** The path of a program; null when it is not installed. */
export function find(program: string): string | null {
  const directories = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin"];
  for (const path of directories.map((directory) => join(directory, program))) {
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      continue;
    }
  }
  return null;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1")
      .once("connect", () => resolve(true))
      .once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
