/**
 * lasthop's client on Node with either cipher, and with the one that the records of the backend teach, against undici, by
 * the size of responses: the costs from which `src/backend/connect/ciphers.ts` chooses.
 */
import { type Client, lasthop, many, startServer, undici } from "./client-peers.ts";
import { format, interleave, ratios, spread } from "./measure.ts";

const ROUNDS = Number(process.env["LASTHOP_BENCH_ROUNDS"] ?? 11);
const AT_ONCE = 32;
const SIZES = [100, 1_300, 2_500, 4_000, 16_000, 100_000];
/** The number of requests of a round. */
const countOf = (bytes: number): number => (bytes > 50_000 ? 300 : 1_500);

/** Prints the table of ciphers. */
export async function benchCiphers(): Promise<void> {
  const { at, stop } = await startServer();
  console.log(`## Client: ciphers by size of responses (HTTP/1.1, ${AT_ONCE} at once, ${ROUNDS} rounds)\n`);
  console.log("| bytes | undici, CPU µs | AES-GCM, of undici | ChaCha20-Poly1305, of undici | learnt, of undici |");
  console.log("|---|---|---|---|---|");
  const clients: Readonly<Record<string, Client>> = {
    undici: undici(at("full"), AT_ONCE),
    aes: lasthop(at("full"), "h1", true, 0, "aes-gcm"),
    chaCha: lasthop(at("full"), "h1", true, 0, "chacha20-poly1305"),
    learnt: lasthop(at("full"), "h1", true),
  };
  for (const bytes of SIZES) {
    const count = countOf(bytes);
    const round = (client: Client) => () => many(count, AT_ONCE, () => client(`/?bytes=${bytes}`));
    const tasks = Object.fromEntries(Object.entries(clients).map(([name, client]) => [name, round(client)]));
    const samples = await interleave(tasks, ROUNDS + 1);
    // The first round warms up.
    const [peer = [], ...ours] = Object.values(samples).map((us) => us.slice(1).map((each) => each / count));
    const cells = ours.map((us) => format(ratios(us, peer)));
    console.log(`| ${bytes} | ${format(spread(peer), 0)} | ${cells.join(" | ")} |`);
  }
  console.log();
  stop();
}

if (process.argv[1] === import.meta.filename) await benchCiphers();
