/** The promises of the last hop against another TLS implementation, in any runtime: `openssl s_server` prints what it decrypts. */
import { describe, expect, it } from "vitest";
import { type Backends, createBackends } from "../../src/backend/backends.ts";
import type { Sent } from "../../src/backend/exchange.ts";
import type { Runtime } from "../../src/backend/runtime.ts";
import { NO_REUSE } from "../../src/backend/limits.ts";
import { plainRequest } from "../support/request.ts";
import { textOf } from "../support/sent.ts";
import { bundleFor, SNI } from "./suite.ts";

/** The sizes of the files that a server with one suite answers with, each named after its size. */
export const FILE_BYTES = [1, 4_000, 4_200, 20_000] as const;

/** The processes, as a test in any runtime finds them. */
export interface OpensslFixtures {
  readonly controlPort: number;
  /**
   * The ports by `good`, `wrong`, `www` (which answers by itself), `aes-gcm` or `chacha20-poly1305` (which has one suite,
   * and answers with files) and the flag of the version, e.g. `good -tls1_3`.
   */
  readonly ports: Readonly<Record<string, number>>;
  /** The DER of the root that signs both certificates, in Base64. */
  readonly anchor: string;
}

/** Defines the tests. */
export function opensslSuite(runtime: Runtime, fixtures: OpensslFixtures | null): void {
  // Tests are skipped where openssl is missing (openssl-servers.ts).
  describe.skipIf(fixtures === null).each(["-tls1_2", "-tls1_3"])("openssl s_server %s", (version) => {
    if (fixtures === null) return;
    const said = async (server: string, say = ""): Promise<string> => {
      const query = new URLSearchParams({ server, ...(say === "" ? {} : { say }) });
      return (await fetch(`http://127.0.0.1:${fixtures.controlPort}/?${query}`)).text();
    };
    const backendsTo = (server: string): Backends =>
      createBackends({ bundle: bundleFor(fixtures, server, {}), runtime, poolLimits: NO_REUSE });
    const send = (backends: Backends): Promise<Sent> =>
      backends.send("test/backend:443", plainRequest({ target: "/secret" }));
    const ask = (server: string): Promise<Sent> => send(backendsTo(server));

    it("gets the request after the verdict, and the policy's SNI", async () => {
      const server = `good ${version}`;
      const sent = ask(server);
      await expect.poll(() => said(server)).toContain("GET /secret HTTP/1.1");
      expect(await said(server)).toContain(`Hostname in TLS extension: "${SNI}"`);
      await said(server, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
      expect(await textOf(await sent)).toBe("ok");
    });

    it("resumes each of 32 connections, again and again", async () => {
      const backends = backendsTo(`www ${version}`);
      const round = async (): Promise<string[]> => {
        const sent = await Promise.all(Array.from({ length: 32 }, () => send(backends)));
        const texts = await Promise.all(sent.map(textOf));
        return texts.map((text) => /^(?:New|Reused), /m.exec(text)?.[0] ?? "neither");
      };
      await round();
      for (let times = 0; times < 3; times++) expect(new Set(await round())).toEqual(new Set(["Reused, "]));
      backends.close();
    });

    it.each(["aes-gcm", "chacha20-poly1305"] as const)("with one suite, of %s", async (cipher) => {
      const server = `${cipher} ${version}`;
      const backends = backendsTo(server);
      for (const bytes of FILE_BYTES) {
        const sent = await backends.send("test/backend:443", plainRequest({ target: `/${bytes}` }));
        if (sent.kind !== "response") throw new Error(JSON.stringify(sent));
        expect(await new Response(sent.response.body).text()).toBe("x".repeat(bytes));
      }
      backends.close();
    });

    it("decrypts nothing after a refusal, not even early data", async () => {
      const server = `wrong ${version}`;
      for (let attempt = 0; attempt < 2; attempt++) {
        expect(await ask(server)).toMatchObject({ kind: "failed", failure: { refusal: { code: "name-mismatch" } } });
      }
      // The server reads no further once it has read an alert, and prints what it has read before.
      await expect.poll(async () => (await said(server)).split("SSL alert number").length - 1).toBe(2);
      const all = await said(server);
      expect(all).not.toContain("GET");
      expect(all).not.toContain("secret");
    });
  });
}
