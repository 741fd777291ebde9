/** The worker as deployed: a bundle's text in, requests through its fetch handler, in workerd. */
import { createExecutionContext } from "cloudflare:test";
import { describe, expect, inject, it } from "vitest";
import { createWorker, type Env } from "../../src/host/cloudflare/worker.ts";

type Init = RequestInit<IncomingRequestCfProperties>;

async function ask(text: string, url: string, init?: Init, env: Env = {}): Promise<Response> {
  const { fetch } = createWorker(text).worker;
  if (fetch === undefined) throw new Error("a worker has a fetch handler");
  return fetch(new Request<unknown, IncomingRequestCfProperties>(url, init), env, createExecutionContext());
}

const worker = (path: string, init?: Init): Promise<Response> =>
  ask(inject("bundleText"), `http://good.example.com${path}`, init);

const utf8AsLatin1 = (text: string): string => String.fromCharCode(...new TextEncoder().encode(text));

describe("the worker", () => {
  it("forwards to a verified backend, and a backend sees who asked", async () => {
    const response = await worker("/echo-headers?a=1", {
      headers: { "x-own": "1", "cf-connecting-ip": "192.0.2.9", connection: "x-drop", "x-drop": "1" },
    });
    expect(response.status).toBe(200);
    const seen = await response.json<Record<string, string>>();
    expect(seen).toMatchObject({
      host: "good.example.com",
      "x-own": "1",
      "x-forwarded-for": "192.0.2.9",
      "x-forwarded-proto": "http",
      "x-forwarded-port": "80",
    });
    expect(seen).not.toHaveProperty("x-drop");
    expect(response.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    expect(response.headers.has("keep-alive")).toBe(false);
  });

  it("refuses a chain with its code, in status, Proxy-Status and body", async () => {
    const response = await ask(inject("bundleText"), "http://unknown-ca.example.com/");
    expect([response.status, response.headers.get("proxy-status")]).toEqual([
      502,
      'lasthop; error=tls_certificate_error; details="unknown-ca"',
    ]);
    expect(await response.json()).toMatchObject({ status: 502, code: "unknown-ca" });
  });

  it("takes the listener from its deployment, never from what the client wrote into Host", async () => {
    const url = "http://good.example.com:9000/status?code=204";
    expect((await ask(inject("bundleText"), url)).status).toBe(204);
    expect((await ask(inject("bundleText"), url, undefined, { LASTHOP_LISTENER_PORT: "9000" })).status).toBe(404);
  });

  it("carries bytes above ASCII both ways, and drops what workerd cannot carry", async () => {
    const seen = await (
      await worker("/echo-headers", { headers: { "x-name": "caf\u00e9 \u65e5", "x-lost": "\ufffd" } })
    ).json();
    expect(seen).toMatchObject({ "x-name": utf8AsLatin1("caf\u00e9 \u65e5") });
    expect(seen).not.toHaveProperty("x-lost");
    const { headers, body } = await worker(
      `/fields?x-utf8=${btoa(utf8AsLatin1("caf\u00e9"))}&x-latin=${btoa("caf\u00e9")}`,
    );
    expect([headers.get("x-utf8"), headers.has("x-latin")]).toEqual(["caf\u00e9", false]);
    await body?.cancel();
  });

  it.each(["9007199254740993", "9223372036854775808"])("passes a body of %s bytes on in chunks", async (length) => {
    const response = await worker(`/fields?content-length=${btoa(length)}`);
    expect([response.status, response.headers.has("content-length")]).toEqual([200, false]);
    const reader = response.body?.getReader();
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe("ok");
    await reader?.cancel();
  });

  it("refuses a malformed host", async () => {
    const malformed = await worker("/", { headers: { host: 'a"b' } });
    expect([malformed.status, await malformed.json()]).toEqual([400, expect.objectContaining({ code: "bad-host" })]);
  });

  it("passes a compressed body on as it is", async () => {
    const response = await worker("/gzip");
    expect(response.headers.get("content-encoding")).toBe("gzip");
    const plain = response.body?.pipeThrough(new DecompressionStream("gzip"));
    expect(await new Response(plain).text()).toBe("compressed once");
  });

  it.each([204, 304, 404, 500, 599])("passes status %d on", async (code) => {
    const response = await worker(`/status?code=${code}&etag=1`);
    expect([response.status, response.headers.get("etag"), await response.text()]).toEqual([code, '"e"', ""]);
  });

  it("answers HEAD without a body", async () => {
    const response = await worker("/download?mb=3&length=1", { method: "HEAD" });
    expect([response.status, await response.text()]).toEqual([200, ""]);
  });

  it("streams an upload", async () => {
    const bytes = new Uint8Array(5 << 20).map((_, index) => index % 251);
    const digest = [...new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))]
      .map((byte) => byte.toString(16).padStart(2, "0"))
      .join("");
    const response = await worker("/upload", { method: "POST", body: bytes });
    expect(await response.json()).toMatchObject({ bytes: bytes.length, sha256: digest });
  });

  it.each(["", "&length=1"])("streams a download%s", async (length) => {
    const response = await worker(`/download?mb=20${length}`);
    let bytes = 0;
    if (response.body === null) throw new Error("no body");
    for await (const chunk of response.body) bytes += chunk.length;
    expect(bytes).toBe(20 << 20);
  });

  it("never makes a body whole that the backend broke off", async () => {
    const response = await worker("/cut");
    // The gateway answers itself when the head had not left.
    if (response.status === 502) expect(await response.json()).toMatchObject({ code: "response-incomplete" });
    else await expect(response.text()).rejects.toThrow();
  });

  it.each<[string, (text: string) => string]>([
    ["is truncated", (text) => text.slice(0, -1)],
    ["is altered", (text) => text.replace("backend.internal", "backend.internet")],
    ["is empty", () => ""],
    ["is another object", () => "{}"],
    ["is of another format", (text) => text.replace('"format":1', '"format":2')],
  ])("fails closed when its bundle %s", async (_, change) => {
    const text = inject("bundleText");
    const changed = change(text);
    expect(changed).not.toBe(text);
    const response = await ask(changed, "http://good.example.com/");
    const refused = expect.objectContaining({ code: "bundle-refused" });
    expect([response.status, await response.json()]).toEqual([500, refused]);
  });
});
