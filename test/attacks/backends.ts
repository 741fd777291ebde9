/** What a backend can do to the routes of others, and what many new clients can do to everybody. */
import { Agent, request as ask, type RequestOptions } from "node:http";
import { request as askSecurely } from "node:https";
import { createSecureContext, type SecureContext } from "node:tls";
import type { Attack } from "./attack.ts";
import { ANSWER_BYTES, hostOf, type OtherName, type Others } from "./others.ts";
import type { Target } from "./target.ts";
import { pause } from "../support/pause.ts";

const WORKERS = 4;
/** The time between a client's requests: at most 200 a second come, so that only what the backend does costs much. */
const PAUSE_MS = 20;
/** The most dials of a refused endpoint in eight seconds: after 1 s, 2 s, 4 s and so on, and one that was under way. */
const MAX_REFUSED = 6;
const LIMIT_MS = 30_000;

interface Answer {
  readonly status: number;
  readonly bytes: number;
}

/** The attacks by backends. */
export const BACKEND_ATTACKS: readonly Attack[] = [
  {
    name: "first burst of new clients over TLS",
    run: async (target, { isShort }) => {
      const count = isShort ? 150 : 1_500;
      const secureContext = createSecureContext({ ca: target.caPem });
      const asked = Array.from({ length: count }, () => overTls(target, "secure", secureContext));
      const answers = await Promise.all(asked);
      const good = answers.filter(({ status, bytes }) => status === 200 && bytes === ANSWER_BYTES);
      return good.length === count ? [] : [`${count - good.length} of ${count} new clients got no answer`];
    },
  },
  // Either verdict is right, as long as it costs little: the forbidden names are not those of the certificate.
  againstBackend("certificate of 60 kB that nobody vouches for", "junk", [502, 503], MAX_REFUSED),
  againstBackend(
    "certificate with 1,000 constraints and names",
    "constraints",
    [200, 502, 503],
    Number.POSITIVE_INFINITY,
  ),
  againstBackend("refused chain under load", "refused", [502, 503], MAX_REFUSED),
  againstBackend("backend that floods 103", "informational", [502, 503], Number.POSITIVE_INFINITY),
  againstBackend("backend that ends lines with LF", "barelf", [502, 503], Number.POSITIVE_INFINITY),
];

/** An attack in which four clients ask for a backend again and again. Each answer must have one of the statuses. */
function againstBackend(name: string, to: OtherName, statuses: readonly number[], maxDialled: number): Attack {
  return {
    name,
    isOfBackend: true,
    run: async (target, { ms }) => {
      const others = othersOf(target);
      others.reset();
      const end = performance.now() + ms;
      const agent = new Agent({ keepAlive: true, maxSockets: WORKERS });
      const seen = new Map<number, number>();
      const work = async (): Promise<void> => {
        while (performance.now() < end) {
          const headers = { host: hostOf(to) };
          const { status } = await answerOf(ask, { host: "127.0.0.1", port: target.port, headers, agent });
          seen.set(status, (seen.get(status) ?? 0) + 1);
          await pause(PAUSE_MS, "Clients ask at a rate that the machine bears.");
        }
      };
      await Promise.all(Array.from({ length: WORKERS }, work));
      agent.destroy();
      const wrong = [...seen].filter(([status]) => !statuses.includes(status));
      return [
        ...wrong.map(([status, count]) => `${count} times status ${status}`),
        ...(others.dialled(to) <= maxDialled ? [] : [`${others.dialled(to)} handshakes`]),
        ...(others.dialled(to) > 0 || to === "refused" || to === "junk" ? [] : ["the backend was not reached"]),
      ];
    },
  };
}

/** A request over TLS. All clients share `secureContext`: one for each would take 10 ms, and there would be no burst. */
function overTls(target: Target, to: OtherName, secureContext: SecureContext): Promise<Answer> {
  const { securePort: port } = target;
  const [host, name] = ["127.0.0.1", hostOf(to)];
  return answerOf(askSecurely, { host, port, secureContext, servername: name, headers: { host: name }, agent: false });
}

/** The answer to a request, with status 0 when none came within the limit. */
function answerOf(
  send: typeof ask | typeof askSecurely,
  options: RequestOptions & { readonly secureContext?: SecureContext; readonly servername?: string },
): Promise<Answer> {
  return new Promise((resolve) => {
    const request = send(options, (response) => {
      let bytes = 0;
      response.on("data", (chunk: Buffer) => (bytes += chunk.length));
      response.once("close", () => resolve({ status: response.statusCode ?? 0, bytes }));
    });
    request.setTimeout(LIMIT_MS, () => request.destroy(new Error("no answer")));
    request.once("error", () => resolve({ status: 0, bytes: 0 })).end();
  });
}

function othersOf({ others }: Target): Others {
  if (others === null) throw new Error("this target was started without the other backends");
  return others;
}
