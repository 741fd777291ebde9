/** `npm run bench`: every row of the README's table. Prints ratios against a peer of the same run. */
import { execFileSync } from "node:child_process";
import { cpus } from "node:os";
import { benchBuild } from "./build.ts";
import { benchMatch } from "./match.ts";
import { benchSize } from "./size.ts";
import { benchTls } from "./tls.ts";
import { benchTrust } from "./trust.ts";

const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
console.log(
  `# Bench, ${new Date().toISOString().slice(0, 10)}, commit ${commit}, Node ${process.version}, ${cpus().length} cores\n`,
);
console.log("Ratios are medians over interleaved rounds of one run, with their range; times are this machine's.\n");
await benchTls();
await benchTrust();
await benchMatch();
await benchBuild();
benchSize();
