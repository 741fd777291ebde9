/** HTTPS listeners of `lasthop serve`: certificates by SNI, HTTP/1.1 and HTTP/2, clients' certificates, reload. */
import "reflect-metadata";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect as connectHttp2, type OutgoingHttpHeaders } from "node:http2";
import { request as requestHttps, type RequestOptions } from "node:https";
import { connect as connectTls } from "node:tls";
import { ExtendedKeyUsageExtension } from "@peculiar/x509";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { encodeBundle } from "../../src/bundle/codec.ts";
import { decodeSecrets, encodeSecrets, type Secrets } from "../../src/bundle/secrets.ts";
import type { Bundle, BundleCertificate, BundleClientValidation } from "../../src/bundle/types.ts";
import { nodeRuntime } from "../../src/host/node/runtime.ts";
import { serve, type Serving } from "../../src/host/node/serve.ts";
import { judgeAnchor } from "../../src/trust/index.ts";
import { EMPTY, matchOf, PLAIN_RULE } from "../gateway/bundles.ts";
import { type Minted, mintCa, mintLeaf } from "../support/pki.ts";

const runtime = nodeRuntime();
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
const MOVED = { kind: "redirect", scheme: null, hostname: null, path: null, port: 443, statusCode: 302 } as const;

let root: Minted;
let exact: Minted;
let wildcard: Minted;
const open: Serving[] = [];
beforeAll(async () => {
  root = await mintCa({ name: "front root" });
  exact = await mintLeaf({ issuer: root, dns: ["a.example.com"] });
  wildcard = await mintLeaf({ issuer: root, dns: ["*.example.com"] });
});
afterEach(async () => {
  for (const serving of open.splice(0)) await serving.close(0);
});

/** A bundle whose listeners, on port 443, answer everything with a redirect; and its keys. */
function bundleOf(
  listeners: Readonly<Record<string, readonly Minted[]>>,
  clients: { readonly anchor: Minted; readonly mode: BundleClientValidation["mode"] } | null = null,
): { text: string; secrets: Secrets } {
  const certificates: Record<string, BundleCertificate> = {};
  const keys = new Map<string, string>();
  const anchor = (clients?.anchor ?? root).der;
  const anchorSet = sha256(anchor);
  const digestOf = ({ der, certificate, pkcs8 }: Minted): string => {
    const keyDigest = sha256(new Uint8Array(certificate.publicKey.rawData));
    certificates[sha256(der)] = { source: "Secret test/tls", chain: [base64(der)], keyDigest };
    keys.set(keyDigest, base64(pkcs8));
    return sha256(der);
  };
  const fields: Omit<Bundle, "digest"> & { digest?: string } = {
    ...EMPTY,
    requires: ["listener-certificates"],
    rules: [{ route: "test/r", index: 0, name: null, matches: [matchOf({})], ...PLAIN_RULE, action: MOVED }],
    listeners: Object.entries(listeners).map(([hostname, minted]) => ({
      name: hostname,
      port: 443,
      protocol: "HTTPS",
      hostname,
      tls: { certificates: minted.map(digestOf), clientValidation: clients && { anchorSet, mode: clients.mode } },
      filters: [],
      hosts: [{ hostname: "*", order: [[0, 0]] }],
    })),
    certificates,
    anchorSets: { [anchorSet]: { source: ["test"], anchors: [anchorSet] } },
    anchors: { [anchorSet]: base64(anchor) },
  };
  delete fields.digest;
  const { text } = encodeBundle(fields, runtime.sha256);
  return { text, secrets: decodeSecrets(encodeSecrets(keys)) };
}

async function start({
  text,
  secrets,
}: {
  text: string;
  secrets: Secrets;
}): Promise<{ serving: Serving; port: number }> {
  const portMap = new Map([[443, 0]]);
  const serving = await serve(text, {
    runtime,
    address: "127.0.0.1",
    portMap,
    log: () => undefined,
    secrets,
  });
  open.push(serving);
  return { serving, port: serving.ports.get(443) ?? 0 };
}

/** Sends a GET. Resolves with the status, and with the names of the certificate that was presented. */
function ask(port: number, servername: string, more: RequestOptions = {}): Promise<{ status: number; names: string }> {
  return new Promise((resolve, reject) => {
    const headers = { host: servername };
    const sent = requestHttps(
      { host: "127.0.0.1", port, servername, headers, ca: root.certPem, agent: false, ...more },
      (response) => {
        const { subjectaltname = "" } = (
          response.socket as unknown as { getPeerCertificate(): { subjectaltname?: string } }
        ).getPeerCertificate();
        response.resume().on("end", () => resolve({ status: response.statusCode ?? 0, names: subjectaltname }));
      },
    );
    sent.on("error", reject).end();
  });
}

async function askHttp2(port: number, servername: string, authority = servername): Promise<number> {
  const session = connectHttp2(`https://${servername}`, {
    ca: root.certPem,
    servername,
    host: "127.0.0.1",
    port,
  });
  try {
    return await new Promise((resolve, reject) => {
      session.on("error", reject);
      const headers: OutgoingHttpHeaders = { ":authority": authority, ":path": "/" };
      const stream = session.request(headers).on("error", reject);
      stream.on("response", ({ ":status": status }) => stream.resume().on("end", () => resolve(status ?? 0)));
    });
  } finally {
    session.close();
  }
}

describe("an HTTPS listener", () => {
  it("presents the certificate of the listener that SNI chooses", async () => {
    const { port } = await start(bundleOf({ "a.example.com": [exact], "*.example.com": [wildcard] }));
    expect(await ask(port, "a.example.com")).toEqual({ status: 302, names: "DNS:a.example.com" });
    expect(await ask(port, "b.example.com")).toEqual({ status: 302, names: "DNS:*.example.com" });
    await expect(ask(port, "other.org")).rejects.toThrow();
  });

  it("prefers the longest matching name among a listener's certificates", async () => {
    const { port } = await start(bundleOf({ "*.example.com": [wildcard, exact] }));
    expect((await ask(port, "a.example.com")).names).toBe("DNS:a.example.com");
    expect((await ask(port, "b.example.com")).names).toBe("DNS:*.example.com");
  });

  it("speaks HTTP/2, and answers 421 to a request for another listener's host", async () => {
    const { port } = await start(bundleOf({ "a.example.com": [exact], "*.example.com": [wildcard] }));
    expect(await askHttp2(port, "a.example.com")).toBe(302);
    expect(await askHttp2(port, "a.example.com", "b.example.com")).toBe(421);
    expect(await askHttp2(port, "a.example.com", "other.org")).toBe(404);
  });

  it("takes a certificate of any length", async () => {
    // PEM has lines of 64 characters. The loop finds a certificate that fills its last line.
    let filling: Minted | null = null;
    for (let length = 1; filling === null && length < 60; length++) {
      const minted = await mintLeaf({ issuer: root, dns: ["a.example.com"], name: "n".repeat(length) });
      if (base64(minted.der).length % 64 === 0) filling = minted;
    }
    if (filling === null) throw new Error("no certificate fills its last line");
    const { port } = await start(bundleOf({ "a.example.com": [filling] }));
    expect((await ask(port, "a.example.com")).status).toBe(302);
  });

  it("asks clients for a certificate where it must, and serves no other", async () => {
    const { port } = await start(bundleOf({ "a.example.com": [exact] }, { anchor: root, mode: "AllowValidOnly" }));
    const client = await mintLeaf({ issuer: root, dns: ["client"], usages: ["client"] });
    const stranger = await mintLeaf({ dns: ["client"] });
    expect((await ask(port, "a.example.com", { cert: client.certPem, key: client.keyPem })).status).toBe(302);
    await expect(ask(port, "a.example.com")).rejects.toThrow();
    await expect(ask(port, "a.example.com", { cert: stranger.certPem, key: stranger.keyPem })).rejects.toThrow();
  });

  const [CLIENT, SERVER, ANY] = ["1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.1", "2.5.29.37.0"];
  it.each([
    [[CLIENT], true],
    [[ANY, CLIENT], true],
    [[SERVER], false],
    [[ANY], false],
    [[ANY, SERVER], false],
  ])("lets clients in under an anchor with the purposes %j exactly where build takes it", async (purposes, isFit) => {
    const anchor = await mintCa({ name: "clients", extensions: [new ExtendedKeyUsageExtension(purposes)] });
    const judged = judgeAnchor(anchor.der, "clients");
    expect(judged.kind === "usable" ? null : judged.problem.code).toBe(isFit ? null : "wrong-usage");
    const client = await mintLeaf({ issuer: anchor, dns: ["client"], usages: ["client"] });
    const { port } = await start(bundleOf({ "a.example.com": [exact] }, { anchor, mode: "AllowValidOnly" }));
    const asked = ask(port, "a.example.com", { cert: client.certPem, key: client.keyPem });
    if (isFit) expect((await asked).status).toBe(302);
    else await expect(asked).rejects.toThrow();
  });

  it("serves clients without a valid one under AllowInsecureFallback", async () => {
    const { port } = await start(
      bundleOf({ "a.example.com": [exact] }, { anchor: root, mode: "AllowInsecureFallback" }),
    );
    expect((await ask(port, "a.example.com")).status).toBe(302);
  });

  it("keeps a client whose certificate names the anchor, and is not its own, under AllowInsecureFallback", async () => {
    const anchor = await mintCa({ name: "RSA root", keyType: "rsa-2048" });
    const { key } = await mintCa({ name: "another", keyType: "rsa-2048" });
    const impostor = await mintLeaf({ issuer: { ...anchor, key }, dns: ["client"], usages: ["client"] });
    const { port } = await start(bundleOf({ "a.example.com": [exact] }, { anchor, mode: "AllowInsecureFallback" }));
    const socket = connectTls({
      port,
      servername: "a.example.com",
      cert: impostor.certPem,
      key: impostor.keyPem,
      rejectUnauthorized: false,
    });
    await once(socket, "secureConnect");
    // The answer to the second request shows that the first read after the handshake has ended.
    for (const _ of [1, 2]) {
      socket.write("GET / HTTP/1.1\r\nHost: a.example.com\r\n\r\n");
      expect(String(await once(socket, "data"))).toMatch(/^HTTP\/1\.1 302 /);
    }
    socket.destroy();
  });

  it("presents another certificate after a reload, and keeps the last good one when a key is missing", async () => {
    const { serving, port } = await start(bundleOf({ "a.example.com": [wildcard] }));
    expect((await ask(port, "a.example.com")).names).toBe("DNS:*.example.com");
    const next = bundleOf({ "a.example.com": [exact] });
    await expect(serving.reload(next.text, decodeSecrets(encodeSecrets(new Map())))).rejects.toThrow("missing-key");
    expect((await ask(port, "a.example.com")).names).toBe("DNS:*.example.com");
    await serving.reload(next.text, next.secrets);
    expect((await ask(port, "a.example.com")).names).toBe("DNS:a.example.com");
  });
});
