/** `node probe.ts PORT HOST MS`: another client, one request after the other; prints its median and what failed as JSON. */
import { Agent, get } from "node:http";
import { pause } from "../support/pause.ts";

const [port = "", host = "", ms = ""] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const took: number[] = [];
let failed = 0;
const end = performance.now() + Number(ms);
while (performance.now() < end) {
  const start = performance.now();
  const status = await ask().catch(() => 0);
  if (status === 200) took.push(performance.now() - start);
  else failed++;
  await pause(5, "The probe asks at a rate that does not load the gateway.");
}
took.sort((one, other) => one - other);
console.log(JSON.stringify({ medianMs: took[took.length >> 1] ?? null, answered: took.length, failed }));
process.exit(0);

function ask(): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = get({ host: "127.0.0.1", port: Number(port), path: "/", headers: { host }, agent }, (response) => {
      response.resume().once("end", () => resolve(response.statusCode ?? 0));
      response.once("error", reject);
    });
    request.setTimeout(12_000, () => request.destroy(new Error("no answer"))).once("error", reject);
  });
}
