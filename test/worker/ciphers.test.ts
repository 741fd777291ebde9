/** The ciphers of workerd's `node:crypto`. */
import { it } from "vitest";
import { nodeAead } from "../../src/host/node-crypto.ts";
import { expectCiphers } from "../backend/fixtures/aead.ts";

it("workerd has both ciphers, and opens and seals as published", () => {
  expectCiphers(nodeAead(), ["aes-gcm", "chacha20-poly1305"]);
});
