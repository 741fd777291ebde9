/**
 * Features that the conformance suite has no test of, from manifests to the backend: a feature is claimed (features.ts)
 * only with a test.
 */
import { createServer, type OutgoingHttpHeaders, request, type RequestListener, type Server } from "node:http";
import { request as requestHttps, type RequestOptions } from "node:https";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { decodeSecrets } from "../../src/bundle/secrets.ts";
import { compile } from "../../src/compile/index.ts";
import { SUPPORTED_FEATURES } from "../../src/compile/status/features.ts";
import { nodeRuntime } from "../../src/host/node/runtime.ts";
import { serve, type Serving } from "../../src/host/node/serve.ts";
import { clusterYaml } from "../last-hop/cluster.ts";
import { listen } from "../support/listen.ts";
import { backendYaml, edgeYaml, policyYaml } from "../support/manifests.ts";
import { startServers } from "../last-hop/servers.ts";
import { SNI } from "../last-hop/suite.ts";
import { type Minted, mintCa, mintLeaf } from "../support/pki.ts";

let servers: Awaited<ReturnType<typeof startServers>>;
const runtime = nodeRuntime();
const open: Serving[] = [];
const started: Server[] = [];
beforeAll(async () => {
  servers = await startServers();
});
afterEach(async () => {
  for (const serving of open.splice(0)) await serving.close();
  for (const server of started.splice(0)) server.close();
});
afterAll(() => servers.close());

/** Serves the bundle that `build` makes of the manifests. Resolves with the bound ports by the listeners' ports. */
async function run(text: string): Promise<ReadonlyMap<number, number>> {
  const built = compile([{ file: "cluster.yaml", text }], { allowLoopback: true });
  if (built.text === null || built.diagnostics.length > 0) throw new Error(JSON.stringify(built.diagnostics));
  const serving = await serve(built.text, {
    runtime,
    address: "127.0.0.1",
    portMap: new Map([80, 443].map((port) => [port, 0])),
    ...(built.secrets === null ? {} : { secrets: decodeSecrets(built.secrets) }),
    log: () => undefined,
  });
  open.push(serving);
  return serving.ports;
}

/** Starts an HTTP server. Resolves with its port. */
async function answering(answer: RequestListener): Promise<number> {
  const server = createServer(answer);
  started.push(server);
  return listen(server);
}

/** Sends a GET of /page. */
const ask = (options: RequestOptions, headers: OutgoingHttpHeaders = {}): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const send = options.servername === undefined ? request : requestHttps;
    send({ host: "127.0.0.1", path: "/page", agent: false, headers, ...options }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.on("end", () => {
        const proxyStatus = String(response.headers["proxy-status"] ?? "");
        resolve({ status: response.statusCode ?? 0, code: /details="(.*)"/.exec(proxyStatus)?.[1] ?? null, text });
      });
    })
      .on("error", reject)
      .end();
  });

interface Answer {
  readonly status: number;
  /** The code in Proxy-Status, or null. */
  readonly code: string | null;
  readonly text: string;
}

const trustBundle = (name: string, certPem: string): string => `---
apiVersion: certificates.k8s.io/v1beta1
kind: ClusterTrustBundle
metadata: { name: ${name} }
spec: { trustBundle: ${JSON.stringify(certPem)} }
`;
const TRUST_BUNDLE_REF = `{ group: certificates.k8s.io, kind: ClusterTrustBundle, name: private-ca }`;

describe("ClusterTrustBundle", () => {
  it("is what a policy's backend is verified against", async () => {
    expect(SUPPORTED_FEATURES).toContain("ClusterTrustBundle");
    const text = clusterYaml(servers.fixtures, ["good", "unknown-ca"]).replaceAll(
      `{ group: "", kind: ConfigMap, name: ca }`,
      TRUST_BUNDLE_REF,
    );
    const port = (await run(text + trustBundle("private-ca", servers.fixtures.anchorPem))).get(80);
    expect(await ask({ port }, { host: "good.example.com" })).toMatchObject({ status: 200 });
    expect(await ask({ port }, { host: "unknown-ca.example.com" })).toMatchObject({ status: 502, code: "unknown-ca" });
  });

  it("is what clients of an HTTPS listener are verified against", async () => {
    const [root, other] = [await mintCa({ name: "clients" }), await mintCa({ name: "others" })];
    const [server, client, stranger] = [
      await mintLeaf({ issuer: other, dns: ["good.example.com"] }),
      await mintLeaf({ issuer: root, dns: ["client"], usages: ["client"] }),
      await mintLeaf({ issuer: other, dns: ["client"], usages: ["client"] }),
    ];
    const text = clusterYaml(servers.fixtures, ["good"]).replace(
      "listeners: [{ name: http, protocol: HTTP, port: 80 }]",
      `listeners: [{ name: https, protocol: HTTPS, port: 443, tls: { certificateRefs: [{ name: front }] } }]
  tls: { frontend: { default: { validation: { caCertificateRefs: [${TRUST_BUNDLE_REF}] } } } }`,
    );
    const secret = `---
apiVersion: v1
kind: Secret
metadata: { name: front, namespace: test }
type: kubernetes.io/tls
stringData: ${JSON.stringify({ "tls.crt": server.chainPem, "tls.key": server.keyPem })}
`;
    const port = (await run(text + secret + trustBundle("private-ca", root.certPem))).get(443);
    const as = (own: Minted | null): Promise<Answer> =>
      ask(
        {
          port,
          servername: "good.example.com",
          ca: other.certPem,
          ...(own === null ? {} : { cert: own.certPem, key: own.keyPem }),
        },
        { host: "good.example.com" },
      );
    expect(await as(client)).toMatchObject({ status: 200 });
    await expect(as(stranger)).rejects.toThrow();
    await expect(as(null)).rejects.toThrow();
  });
});

describe("GatewayListenerFilters", () => {
  /** A handler that names the bearer of a token in a field that routes match. */
  const authenticate: RequestListener = ({ headers, url }, response) => {
    const user = headers.authorization?.replace("Bearer ", "");
    if (user === undefined) return void response.writeHead(401, { "www-authenticate": "Bearer" }).end("who are you?");
    response.writeHead(200, { "x-user": user, "x-asked": url }).end();
  };
  const withFilter = (service: string): string =>
    edgeYaml("test", servers.fixtures.anchorPem).replace(
      "port: 80 }]",
      `port: 80, filters: { requests: [{ type: ExternalAuth, externalAuth: { protocol: HTTP, backendRef: { name: ${service}, port: 443 }, http: { path: /check, allowedResponseHeaders: [x-user, x-asked] } } }] } }]`,
    );
  const echoing = (name: string): RequestListener => {
    return ({ headers }, response) =>
      void response.end(JSON.stringify({ name, user: headers["x-user"], asked: headers["x-asked"] }));
  };

  it("run before a route is chosen, and what they say of the request chooses it", async () => {
    expect(SUPPORTED_FEATURES).toContain("GatewayListenerFilters");
    const forAda = backendYaml("test", "ada", await answering(echoing("ada")))
      .replace("hostnames: [ada.example.com]", "hostnames: [web.example.com]")
      .replace("rules: [{ ", "rules: [{ matches: [{ headers: [{ name: x-user, value: ada }] }], ");
    const { port } = await serveAt(
      withFilter("auth") +
        backendYaml("test", "auth", await answering(authenticate)) +
        forAda +
        backendYaml("test", "web", await answering(echoing("web"))),
    );
    const asked = (name: string, user: string) => JSON.stringify({ name, user, asked: "/check/page" });
    // A client that names itself ada in a field of its own is not believed.
    const bob = await ask({ port }, { host: "web.example.com", authorization: "Bearer bob", "x-user": "ada" });
    expect(bob).toEqual({ status: 200, code: null, text: asked("web", "bob") });
    const ada = await ask({ port }, { host: "web.example.com", authorization: "Bearer ada" });
    expect(ada).toEqual({ status: 200, code: null, text: asked("ada", "ada") });
    expect(await ask({ port }, { host: "web.example.com" })).toEqual({
      status: 401,
      code: "auth-denied",
      text: "who are you?",
    });
    // A client without a token does not learn which hosts have no route.
    expect(await ask({ port }, { host: "nowhere.example.com" })).toMatchObject({ status: 401 });
  });

  it("ask a server under its policy, and let nobody pass when it is refused", async () => {
    const auth = `${backendYaml("test", "unknown-ca", servers.fixtures.ports["unknown-ca"])}${policyYaml("test", "unknown-ca", SNI)}`;
    const { port } = await serveAt(
      withFilter("unknown-ca") + auth + backendYaml("test", "web", await answering(echoing("web"))),
    );
    const { status, code } = await ask({ port }, { host: "web.example.com", authorization: "Bearer ada" });
    expect({ status, code }).toEqual({ status: 502, code: "unknown-ca" });
  });

  const serveAt = async (text: string): Promise<{ port: number | undefined }> => ({ port: (await run(text)).get(80) });
});
