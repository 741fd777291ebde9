/** The two fronts of HTTP/1.1, node:http and the module, answer the same raw requests alike. */
import { once } from "node:events";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MALFORMED } from "../attacks/framing.ts";
import { type Gateway, startGateway, UNDER_TEST } from "../attacks/target.ts";

/** Requests that are well-formed, each on a connection of its own, with a request behind them that closes it. */
const WELL_FORMED = {
  "HTTP/1.0": "GET / HTTP/1.0\r\nHost: HOST\r\n\r\n",
  "HTTP/1.0 that stays": "GET / HTTP/1.0\r\nHost: HOST\r\nConnection: keep-alive\r\n\r\n",
  "a HEAD": "HEAD / HTTP/1.1\r\nHost: HOST\r\n\r\n",
  "empty lines before the request": "\r\n\r\nGET / HTTP/1.1\r\nHost: HOST\r\n\r\n",
  "three in one piece": "GET / HTTP/1.1\r\nHost: HOST\r\n\r\n".repeat(3),
  "a body with a length": "POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 5\r\n\r\nhello",
  "a length of 0": "POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\r\n\r\n",
  "chunks with extensions and trailers":
    "POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nx-sum: 1\r\n\r\n",
  "a coding in upper case":
    "POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: CHUNKED\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
  "a body that waits for 100":
    "POST / HTTP/1.1\r\nHost: HOST\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
  "an unknown expectation": "GET / HTTP/1.1\r\nHost: HOST\r\nExpect: 200-maybe\r\n\r\n",
  "an absolute target": "GET http://HOST/ HTTP/1.1\r\nHost: other.example.org\r\n\r\n",
  "an upgrade that is none": "GET / HTTP/1.1\r\nHost: HOST\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
  "no Host": "GET / HTTP/1.1\r\n\r\n",
  "a route that is none": "GET / HTTP/1.1\r\nHost: none.example.org\r\n\r\n",
  CONNECT: "CONNECT HOST:443 HTTP/1.1\r\nHost: HOST\r\n\r\n",
  "a value with bytes above 127": "GET / HTTP/1.1\r\nHost: HOST\r\nX-Y: \xe9\r\n\r\n",
  "white space around a value": "GET / HTTP/1.1\r\nHost: \t HOST \t\r\n\r\n",
  "an empty value": "GET / HTTP/1.1\r\nHost: HOST\r\nX-Y:\r\n\r\n",
} as const;

/** The statuses of all responses until the connection closes. */
async function statuses({ port, host }: Gateway, bytes: string): Promise<readonly string[]> {
  const socket = connect({ host: "127.0.0.1", port }).on("error", () => undefined);
  await once(socket, "connect");
  const last = "GET /last HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n";
  socket.write(Buffer.from(`${bytes}${last}`.replaceAll("HOST", host), "latin1"));
  const all = await text(socket);
  return [...all.matchAll(/HTTP\/1\.[01] (\d{3})/g)].flatMap(([, status]) => status ?? []);
}

describe.each(UNDER_TEST)("the two fronts on %s", (runtime) => {
  let gateways: readonly [Gateway, Gateway];
  beforeAll(async () => {
    const start = (front: string): Promise<Gateway> => startGateway({ runtime, args: ["--front", front] });
    gateways = [await start("node"), await start("module")];
  });
  afterAll(async () => {
    for (const gateway of gateways) await gateway.close();
  });

  it.each(MALFORMED)("refuse $name alike", async ({ bytes }) => {
    const [node, module] = await Promise.all(gateways.map((gateway) => statuses(gateway, bytes)));
    expect(module).toEqual(node);
  });

  it.each(Object.entries(WELL_FORMED))("answer %s alike", async (_, bytes) => {
    const [node, module] = await Promise.all(gateways.map((gateway) => statuses(gateway, bytes)));
    expect(module).toEqual(node);
    expect(node?.length).toBeGreaterThan(0);
  });
});
