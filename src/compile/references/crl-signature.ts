/** Whether a key signed a CRL, asked of Node's crypto: passes are synchronous, and WebCrypto is not. */
import { constants, createPublicKey, type VerifyKeyObjectInput, verify } from "node:crypto";
import type { Crl } from "../../trust/index.ts";

/** `spki` is a SubjectPublicKeyInfo that trust/ accepts. */
export function isSignedBy({ tbs, signature, signatureAlgorithm }: Crl, spki: Uint8Array): boolean {
  const key = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
  const type = key.asymmetricKeyType;
  const check = (hash: string | null, input: VerifyKeyObjectInput): boolean => {
    try {
      return verify(hash, tbs, input, signature);
    } catch {
      return false; // A signature that is not even of the algorithm's form.
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
