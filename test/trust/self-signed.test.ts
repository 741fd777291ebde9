/** A self-signed backend whose certificate is configured as the CA. */
import { describe, expect, it } from "vitest";
import {
  CLIENT_AUTH,
  DAY,
  HOST,
  type Minted,
  NOW,
  ca,
  dns,
  ext,
  extension,
  mint,
  name,
  server,
} from "../support/certificates.ts";
import { bytes } from "../support/der.ts";
import { ecKey } from "../support/keys.ts";
import { brief, check, policy, verdictOf } from "../support/verdicts.ts";

const root = ca("root");

describe("a self-signed backend that is itself the policy's CA", () => {
  const self = (...extensions: readonly Uint8Array[]): Minted =>
    mint({ subject: name(HOST), extensions: [ext.san(dns(HOST)), ...extensions] });

  it.each([
    ["without basicConstraints", self()],
    ["that is no CA", self(ext.notCa())],
    ["that is a CA", self(ext.ca())],
  ])("%s is accepted by its bytes", async (_what, backend) => {
    const verdict = await verdictOf(policy([backend]), [backend]);
    if (verdict.kind !== "verified") throw new Error(brief(verdict));
    expect(verdict.peer.path).toMatchObject({ path: [backend.der], anchorSource: "ConfigMap test/ca" });
  });
  it("is accepted by nothing less than its bytes", async () => {
    const key = ecKey();
    const spec = { subject: name(HOST), key, extensions: [ext.san(dns(HOST))] };
    expect(await check(mint(spec), mint(spec))).toBe("unknown-ca@0");
  });
  it("still needs its name, its time and its purpose", async () => {
    const other = mint({ extensions: [ext.san(dns("other.example.com"))] });
    expect(await check(other, other)).toBe("name-mismatch@0");
    const old = mint({ notAfter: NOW - DAY, extensions: [ext.san(dns(HOST))] });
    expect(await check(old, old)).toBe("expired@0");
    const client = self(ext.eku(CLIENT_AUTH));
    expect(await check(client, client)).toBe("wrong-usage@0");
    const strange = self(extension("1.2.3", true, bytes(5, 0)));
    expect(await check(strange, strange)).toBe("critical-extension@0");
  });
  it("may also be reached through another anchor", async () => {
    const endEntity = server(root, { notAfter: NOW + DAY });
    expect(brief(await verdictOf(policy([endEntity, root]), [endEntity]))).toBe("verified");
  });
});
