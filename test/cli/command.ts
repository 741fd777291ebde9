/** The command `lasthop`, run as an operator runs it. */
import { spawn } from "node:child_process";
import { join } from "node:path";

/** The path of the command's source. */
export const MAIN = join(import.meta.dirname, "../../src/cli/main.ts");

interface RunOptions {
  /** The output at which the command is stopped with SIGTERM. Without it, the command ends by itself. */
  readonly until?: RegExp;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** How a command ended: `code` is null after a signal that it did not handle. `text` is the output of both streams. */
export interface Ended {
  readonly code: number | null;
  readonly text: string;
}

/** Runs the command with these arguments. */
export function run(args: readonly string[], { until, ...options }: RunOptions = {}): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, ...args], options);
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      // Only one signal is sent, because a second one would end the process at once.
      if (!child.killed && until?.test(text) === true) child.kill("SIGTERM");
    });
  }
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, text }));
  });
}
