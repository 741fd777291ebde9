/** Upgrades, informational responses, trailers and client certificates. */
import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { expect, onTestFinished, test } from "vitest";
import type { Sent } from "../../src/backend/exchange.ts";
import type { ByteStream } from "../../src/backend/runtime.ts";
import { Secrets } from "../../src/bundle/secrets.ts";
import type { Bundle, BundlePolicy } from "../../src/bundle/types.ts";
import { mintCa, mintLeaf } from "../support/pki.ts";
import { tlsBackend } from "./fixtures/backend.ts";
import { failedWith } from "../support/sent.ts";
import { bodyOf, bundleTo, clientOf, leaf, PLAINTEXT } from "./fixtures/last-hop.ts";
import { type Handled, ok, plain, secure } from "./fixtures/servers.ts";

const ECHO = { upgrade: "echo" } as const;

function echoing({ server }: Handled, answer = "echo"): void {
  server.on("upgrade", (_: IncomingMessage, socket: Duplex) => {
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${answer}\r\n\r\n`);
    socket.pipe(socket);
  });
}

function duplexOf(sent: Sent): ByteStream {
  if (sent.kind === "response" && sent.response.upgrade !== null) return sent.response.upgrade;
  throw new Error(JSON.stringify(sent));
}

async function echoed(duplex: ByteStream, text: string): Promise<string> {
  await duplex.write(Buffer.from(text));
  let answer = "";
  while (answer.length < text.length) answer += Buffer.from((await duplex.read()) ?? expect.fail("ended")).toString();
  return answer;
}

test.each(["TLS, where other requests speak HTTP/2", "plaintext"])("an upgrade over %s", async (security) => {
  const server = security === "plaintext" ? await plain(ok) : await secure(ok);
  echoing(server);
  const backend = security === "plaintext" ? PLAINTEXT : {};
  const { ask, text, backends } = clientOf(bundleTo({ ports: [server.port], backend }));
  expect(await text()).toBe("ok");
  const sent = await ask(ECHO);
  expect(sent).toMatchObject({ kind: "response", response: { status: 101 }, connection: { protocol: "http/1.1" } });
  const duplex = duplexOf(sent);
  expect(await echoed(duplex, "hello")).toBe("hello");
  expect(backends.stats().inFlight).toBe(1);
  // The connection is given to no other request while the upgrade lasts.
  expect(await text()).toBe("ok");
  expect(await echoed(duplexOf(await ask(ECHO)), "second")).toBe("second");
  duplex.close();
  await expect.poll(() => backends.stats().inFlight).toBe(1);
});

test("an upgrade outlives the limits of a request", async () => {
  const server = await plain((request, response) => {
    if (request.url === "/half") response.write("half");
  });
  echoing(server);
  const limits = { responseMs: 100, bodyIdleMs: 100 };
  const { ask, text } = clientOf(bundleTo({ ports: [server.port], backend: PLAINTEXT }), { timeouts: limits });
  const route = { backendRequestMs: 150, retry: null };
  const duplex = duplexOf(await ask(ECHO, route));
  // Each limit is over for the upgrade when it is over for a request that came later.
  expect(await ask({ target: "/silent" })).toMatchObject(failedWith("response-timeout"));
  expect(await ask({ target: "/silent" }, route)).toMatchObject(failedWith("response-timeout"));
  await expect(text({ target: "/half" })).rejects.toThrow("nothing for 100 ms");
  expect(await echoed(duplex, "still here")).toBe("still here");
});

test("a backend that does not upgrade is heard, and its connection used again", async () => {
  const server = await secure((_, response) => response.writeHead(426, { upgrade: "echo" }).end("no"));
  const { text } = clientOf(bundleTo({ ports: [server.port] }));
  for (let asked = 0; asked < 3; asked++) expect(await text(ECHO)).toBe("no");
  expect(server.connections).toBe(1);
});

test("an upgrade to what nobody asked for is refused", async () => {
  const server = await plain(ok);
  echoing(server, "other");
  const { ask } = clientOf(bundleTo({ ports: [server.port], backend: PLAINTEXT }));
  expect(await ask(ECHO)).toMatchObject(failedWith("http-protocol-error"));
  await expect.poll(() => server.sockets.size).toBe(0);
});

test("where a policy leaves HTTP/2 alone, an upgrade is not asked for", async () => {
  const server = await secure((request, response) => response.end(request.headers.upgrade ?? "none"));
  const { text } = clientOf(bundleTo({ ports: [server.port], policy: { alpn: ["h2"] } }));
  expect(
    await text({
      ...ECHO,
      headers: [
        ["upgrade", "echo"],
        ["connection", "upgrade"],
      ],
    }),
  ).toBe("none");
});

test.each(["http/1.1", "h2"] as const)("%s: 100-continue", async (alpn) => {
  const server = await secure((request, response) => void request.pipe(response));
  server.server.on("checkContinue", (request: IncomingMessage, response) => {
    response.writeContinue();
    server.server.emit("request", request, response);
  });
  const told: number[] = [];
  let go: () => void = () => undefined;
  const continued = new Promise<void>((resolve) => (go = resolve));
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      // A client waits for 100 before it sends its body.
      await continued;
      controller.enqueue(Buffer.from("body"));
      controller.close();
    },
  });
  const { text } = clientOf(bundleTo({ ports: [server.port], policy: { alpn: [alpn] } }));
  const informational = (status: number): void => {
    told.push(status);
    go();
  };
  expect(await text({ method: "POST", headers: [["expect", "100-continue"]], body, informational })).toBe("body");
  expect(told).toEqual([100]);
});

test("early hints are passed on before the response", async () => {
  const server = await plain((_, response) => {
    response.writeEarlyHints({ link: "</a.css>; rel=preload" });
    response.end("ok");
  });
  const told: unknown[] = [];
  const { text } = clientOf(bundleTo({ ports: [server.port], backend: PLAINTEXT }));
  await text({ informational: (status, headers) => told.push(status, headers) });
  expect(told).toEqual([103, [["link", "</a.css>; rel=preload"]]]);
});

test.each(["http/1.1", "h2"] as const)("%s: trailers both ways, and TE is named where it must be", async (alpn) => {
  const server = await secure((request, response) => {
    request.resume().on("end", () => {
      const { te, connection } = request.headers;
      response.writeHead(200, { trailer: "x-down" });
      response.write(JSON.stringify([te, connection ?? null, request.trailers]));
      response.addTrailers({ "x-down": "2" });
      response.end();
    });
  });
  const { ask } = clientOf(bundleTo({ ports: [server.port], policy: { alpn: [alpn] } }));
  const sent = await ask({
    method: "POST",
    headers: [
      ["te", "trailers"],
      ["trailer", "x-up"],
    ],
    body: bodyOf("a", "b"),
    trailers: Promise.resolve([
      ["x-up", "1"],
      ["content-length", "9"],
    ]),
  });
  if (sent.kind !== "response") throw new Error(JSON.stringify(sent));
  const answer: unknown = await new Response(sent.response.body).json();
  expect(answer).toEqual(["trailers", alpn === "h2" ? null : "te", { "x-up": "1" }]);
  expect(await sent.response.trailers).toEqual([["x-down", "2"]]);
});

test("a response that has no body says so", async () => {
  const server = await plain((_, response) => response.writeHead(204).end());
  const sent = await clientOf(bundleTo({ ports: [server.port], backend: PLAINTEXT })).ask();
  expect(sent).toMatchObject({ kind: "response", response: { status: 204, body: null } });
});

test("the Gateway's client certificate is shown to a backend that asks, and only under its own pool key", async () => {
  const ca = await mintCa({ name: "clients" });
  const [one, two] = await Promise.all(
    ["one", "two"].map((name) => mintLeaf({ issuer: ca, name, usages: ["client"] })),
  );
  if (one === undefined || two === undefined) throw new Error("unreachable");
  const server = await tlsBackend({ leaf, clientCa: ca });
  onTestFinished(() => server.close());
  const keys = new Map([one, two].map((each) => [digestOf(each.der), each.pkcs8]));
  const secrets = new Secrets(keys);
  const policy: Partial<BundlePolicy> = { alpn: ["h2", "http/1.1"] };
  const withIdentity = (minted: typeof one): Bundle => ({
    ...bundleTo({ ports: [server.port], policy }),
    clientCertificate: digestOf(minted.der),
    certificates: {
      [digestOf(minted.der)]: {
        source: "Secret test/client",
        chain: minted.chain.map((der) => Buffer.from(der).toString("base64")),
        keyDigest: digestOf(minted.der),
      },
    },
  });

  const client = clientOf(withIdentity(one), { secrets });
  expect(await client.text({ target: "/a" })).toContain("/a");
  client.backends = client.backends.succeed(withIdentity(two), secrets);
  expect(await client.text({ target: "/b" })).toContain("/b");
  expect(server.seen.clientNames).toEqual(["one", "two"]);

  const none = clientOf(bundleTo({ ports: [server.port], policy }));
  expect(await none.ask()).toMatchObject({ kind: "failed" });
  expect(() => clientOf(withIdentity(one))).toThrow("the secrets file has no key for Secret test/client");
  expect(() => client.backends.succeed(withIdentity(one), new Secrets(new Map()))).toThrow("has no key");
  expect(await client.text({ target: "/c" }), "a refused successor changes nothing").toContain("/c");
  expect(JSON.stringify(secrets)).toBe('"[redacted]"');
});

const digestOf = (der: Uint8Array): string => createHash("sha256").update(der).digest("hex");
