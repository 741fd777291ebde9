/**
 * Backends with a key, or with suites, groups and versions, that lasthop does not share: `openssl s_server` has them all.
 * Each has its code in TLS 1.2 and 1.3, and no request byte comes out of the handshake.
 */
import { type ChildProcessWithoutNullStreams, execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type Server, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Sent } from "../../src/backend/exchange.ts";
import { createBackends } from "../../src/backend/backends.ts";
import { NO_REUSE } from "../../src/backend/limits.ts";
import { freePort } from "../../src/cli/free-port.ts";
import { nodeRuntime } from "../../src/host/node/runtime.ts";
import { listen } from "../support/listen.ts";
import { plainRequest } from "../support/request.ts";
import { SNI } from "../last-hop/suite.ts";
import { bundleTo } from "./fault.ts";

const WITHOUT = spawnSync("openssl", ["version"]).status !== 0;
if (WITHOUT && process.env["LASTHOP_ALLOW_SKIP"] === "0")
  throw new Error("openssl is missing, and no test may skip here");

const EC = (curve: string): string[] => ["EC", "-pkeyopt", `ec_paramgen_curve:${curve}`];
/** The arguments of `openssl genpkey -algorithm` for each kind of key. */
const KEYS = {
  "RSA-1024": ["RSA", "-pkeyopt", "rsa_keygen_bits:1024"],
  "RSA-2048": ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
  "RSA-PSS": ["RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"],
  "P-256": EC("P-256"),
  "P-521": EC("P-521"),
  "P-224": EC("P-224"),
  secp256k1: EC("secp256k1"),
  brainpoolP256r1: EC("brainpoolP256r1"),
  Ed448: ["ED448"],
} as const;
type KeyName = keyof typeof KEYS;

const SHARES_NOTHING = "no version, no cipher suite, no group or no signature scheme is shared";

describe.skipIf(WITHOUT)("openssl s_server", () => {
  const directory = mkdtempSync(join(tmpdir(), "lasthop-keys-"));
  const runtime = nodeRuntime();
  const running: ChildProcessWithoutNullStreams[] = [];
  const openssl = (...more: readonly string[]): void => void execFileSync("openssl", more, { stdio: "pipe" });
  const file = (name: string): string => join(directory, name);

  beforeAll(() => {
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=root",
      "-keyout", file("root.key"), "-out", file("root.pem"), "-days", "2"); // prettier-ignore
    for (const [name, algorithm] of Object.entries(KEYS)) {
      openssl("genpkey", "-algorithm", ...algorithm, "-out", file(`${name}.key`));
      openssl("req", "-new", "-x509", "-key", file(`${name}.key`), "-CA", file("root.pem"), "-CAkey", file("root.key"),
        "-subj", `/CN=${SNI}`, "-addext", `subjectAltName=DNS:${SNI}`, "-addext", "basicConstraints=critical,CA:FALSE",
        "-days", "1", "-out", file(`${name}.pem`)); // prettier-ignore
    }
  });
  afterAll(() => {
    for (const child of running) child.kill("SIGKILL");
    rmSync(directory, { recursive: true, force: true });
  });

  /** Starts a server; `said` returns all that it has printed, decrypted requests too. */
  async function serve(key: KeyName, more: readonly string[]): Promise<{ port: number; said: () => string }> {
    const port = await freePort();
    const identity = ["-key", file(`${key}.key`), "-cert", file(`${key}.pem`)];
    // At security level 0, OpenSSL serves keys and suites that it refuses otherwise.
    const level = more.includes("-cipher") ? [] : ["-cipher", "ALL:@SECLEVEL=0"];
    const child = spawn("openssl", ["s_server", "-accept", `127.0.0.1:${port}`, ...identity, ...level, ...more]);
    running.push(child);
    let all = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (all += chunk.toString()));
    await expect.poll(() => all).toContain("ACCEPT");
    return { port, said: () => all };
  }

  async function ask(port: number, policy: Parameters<typeof bundleTo>[2] = {}): Promise<Sent> {
    const root = { der: derOf(file("root.pem")) };
    const bundle = bundleTo(port, root, policy);
    const backends = createBackends({ bundle, runtime, poolLimits: NO_REUSE });
    try {
      return await backends.send("test/backend:443", plainRequest({ target: "/secret" }));
    } finally {
      backends.close();
    }
  }

  const codeOf = (sent: Sent): string => {
    if (sent.kind === "response") return "a response";
    return sent.failure.kind === "chain-refused" ? sent.failure.refusal.code : sent.failure.code;
  };
  const detailOf = (sent: Sent): string => {
    if (sent.kind === "response") return "a response";
    const { failure } = sent;
    return failure.kind === "chain-refused"
      ? `expected ${failure.refusal.expected}; presented ${failure.refusal.presented}`
      : failure.detail;
  };

  describe.each(["1.2", "1.3"] as const)("over TLS %s", (version) => {
    const policy = { minTlsVersion: version, maxTlsVersion: version };
    const flag = version === "1.2" ? "-tls1_2" : "-tls1_3";
    it.each<[KeyName, string, string]>([
      [
        "RSA-1024",
        "weak-key",
        "expected an RSA (2048 to 8192 bits), P-256, P-384 or Ed25519 key; presented RSA, 1024 bits",
      ],
      ["RSA-PSS", "tls-alert-received", SHARES_NOTHING],
      ["P-521", "tls-alert-received", SHARES_NOTHING],
      ["P-224", "tls-alert-received", SHARES_NOTHING],
      ["secp256k1", "tls-alert-received", SHARES_NOTHING],
      ["brainpoolP256r1", "tls-alert-received", SHARES_NOTHING],
      ["Ed448", "tls-alert-received", SHARES_NOTHING],
    ])("%s: %s", async (key, code, detail) => {
      const { port, said } = await serve(key, [flag]);
      const sent = await ask(port, policy);
      expect(codeOf(sent)).toBe(code);
      expect(detailOf(sent)).toContain(detail);
      expect(sent).toMatchObject({ kind: "failed" });
      expect(said()).not.toContain("/secret");
    });
  });

  /** In TLS 1.2 the Certificate is in the clear: a ClientHello that offers more shows what a server would present. */
  it.each<[KeyName, readonly [number, number], readonly [number, number], string, string]>([
    ["P-521", [0x0503, 0x0603], [0x18, 0x19], "unsupported-algorithm", "presented P-521"],
    ["secp256k1", [0, 0], [0x18, 0x16], "unsupported-algorithm", "presented secp256k1"],
    ["Ed448", [0x0503, 0x0808], [0x18, 0x1e], "unsupported-algorithm", "presented Ed448"],
    ["RSA-PSS", [0x0503, 0x0809], [0, 0], "unsupported-algorithm", "presented RSA for PSS alone"],
  ])("%s, where the server finds a scheme after all", async (key, scheme, group, code, detail) => {
    const { port, said } = await serve(key, ["-tls1_2"]);
    const between = await offering(port, [
      [0x0d, scheme],
      [0x0a, group],
    ]);
    try {
      const sent = await ask(between.port, { minTlsVersion: "1.2", maxTlsVersion: "1.2" });
      expect(codeOf(sent)).toBe(code);
      expect(detailOf(sent)).toContain(detail);
      expect(said()).not.toContain("/secret");
    } finally {
      between.server.close();
    }
  });

  it.each<[string, KeyName, readonly string[], RegExp]>([
    [
      "TLS 1.2 with RSA key exchange alone",
      "RSA-2048",
      ["-tls1_2", "-cipher", "AES128-GCM-SHA256"],
      /a cipher suite \(TLS_.*TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256/u,
    ],
    ["TLS 1.2 with CBC alone", "RSA-2048", ["-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA"], /a cipher suite \(/u],
    [
      "TLS 1.3 with CCM alone",
      "P-256",
      ["-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_SHA256"],
      /a cipher suite \(TLS_.*TLS_AES_/u,
    ],
    ["a group of its own", "P-256", ["-tls1_3", "-groups", "P-521"], /a group \(x25519, secp256r1, secp384r1\)/u],
    ["TLS 1.1", "RSA-2048", ["-tls1_1"], /shares TLS 1\.2 or 1\.3, .* no version, .* is shared \(alert 70\)/u],
    ["another protocol by ALPN", "P-256", ["-alpn", "spdy"], /by ALPN \(h2, http\/1\.1\).*\(alert 120\)/u],
  ])("%s: the detail says what was offered", async (_, key, more, expected) => {
    const { port, said } = await serve(key, more);
    const sent = await ask(port, { alpn: ["h2", "http/1.1"] });
    expect(codeOf(sent)).toBe("tls-alert-received");
    expect(detailOf(sent)).toMatch(expected);
    expect(said()).not.toContain("/secret");
  });
});

const derOf = (pem: string): Uint8Array<ArrayBuffer> =>
  new Uint8Array(Buffer.from(readFileSync(pem, "utf8").replaceAll(/-----[^-]+-----|\s/gu, ""), "base64"));

/** Starts a relay to `port` that changes numbers in lists of the ClientHello's extensions. */
async function offering(
  port: number,
  changes: readonly (readonly [extension: number, change: readonly [from: number, to: number]])[],
): Promise<{ port: number; server: Server }> {
  const server = createServer((client) => {
    const inner = connect(port, "127.0.0.1");
    client.once("data", (hello: Buffer) => {
      for (const [extension, [from, to]] of changes) replace(hello, extension, from, to);
      inner.write(hello);
      client.pipe(inner);
    });
    inner.pipe(client);
    for (const socket of [client, inner]) socket.on("error", () => socket.destroy());
  });
  return { port: await listen(server), server };
}

/** Replaces a number in an extension that is a list of numbers of two octets (RFC 8446 §4.2.3, §4.2.7). */
function replace(hello: Buffer, extension: number, from: number, to: number): void {
  if (from === to) return;
  // The extensions follow the heads of record and message, the version, the random and the session identifier.
  let at = 5 + 4 + 2 + 32;
  at += 1 + hello.readUInt8(at);
  at += 2 + hello.readUInt16BE(at);
  at += 1 + hello.readUInt8(at);
  const end = at + 2 + hello.readUInt16BE(at);
  for (at += 2; at < end; at += 4 + hello.readUInt16BE(at + 2)) {
    if (hello.readUInt16BE(at) !== extension) continue;
    for (let item = at + 6; item < at + 4 + hello.readUInt16BE(at + 2); item += 2) {
      if (hello.readUInt16BE(item) === from) hello.writeUInt16BE(to, item);
    }
  }
}
