/** Whether a key signed a CRL, by Node's crypto: passes are synchronous, and WebCrypto is not. */
import { constants, createPublicKey, type VerifyKeyObjectInput, verify } from "node:crypto";
import type { Crl } from "../../trust/index.ts";

/** Whether the key in `spki`, a SubjectPublicKeyInfo that trust/ accepts, signed the CRL. */
export function isSignedBy({ tbs, signature, signatureAlgorithm }: Crl, spki: Uint8Array): boolean {
  const key = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
  const type = key.asymmetricKeyType;
  const check = (hash: string | null, input: VerifyKeyObjectInput): boolean => {
    try {
      return verify(hash, tbs, input, signature);
    } catch {
      return false; // The signature does not have the form of the algorithm.
    }
  };
  switch (signatureAlgorithm.kind) {
    case "rsa-pkcs1":
      return type === "rsa" && check(signatureAlgorithm.hash, { key, padding: constants.RSA_PKCS1_PADDING });
    case "rsa-pss": {
      const { hash, saltLength } = signatureAlgorithm;
      return type === "rsa" && check(hash, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength });
    }
    case "ecdsa":
      return type === "ec" && check(signatureAlgorithm.hash, { key, dsaEncoding: "der" });
    case "ed25519":
      return type === "ed25519" && check(null, { key });
    case "unsupported":
      return false;
  }
}
