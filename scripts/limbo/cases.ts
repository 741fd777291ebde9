/** x509-limbo cases, schema version 1. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

/** A case, without the fields that do not affect its answer. Certificates and CRLs are PEM. */
export interface LimboCase {
  readonly id: string;
  readonly expected_result: "SUCCESS" | "FAILURE";
  readonly trusted_certs: readonly string[];
  readonly untrusted_intermediates: readonly string[];
  readonly peer_certificate: string;
  readonly validation_kind: string;
  readonly validation_time: string | null;
  readonly expected_peer_name: { readonly kind: string; readonly value: string } | null;
  readonly max_chain_depth: number | null;
  readonly extended_key_usage?: readonly string[];
  readonly crls?: readonly string[];
}

/** The cases of a file, which may be compressed with gzip. Throws for a file of another format. */
export function readCases(file: string): readonly LimboCase[] {
  const bytes = readFileSync(file);
  const text = (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString("utf8");
  const suite: { version?: unknown; testcases?: readonly LimboCase[] } = JSON.parse(text);
  if (suite.version !== 1 || !Array.isArray(suite.testcases))
    throw new Error(`${file} is not an x509-limbo file, version 1`);
  return suite.testcases;
}

/**
 * The digest of a case: the first 8 hex digits of the SHA-256 of its content. The digest is the same in every file that
 * holds the case.
 */
export function digestCase(testcase: LimboCase): string {
  const content = [
    testcase.id,
    testcase.expected_result,
    testcase.trusted_certs,
    testcase.untrusted_intermediates,
    testcase.peer_certificate,
    testcase.validation_kind,
    testcase.validation_time,
    [testcase.expected_peer_name?.kind ?? null, testcase.expected_peer_name?.value ?? null],
    testcase.max_chain_depth,
    testcase.extended_key_usage ?? [],
    testcase.crls ?? [],
  ];
  return createHash("sha256").update(JSON.stringify(content)).digest("hex").slice(0, 8);
}

/** The DER of a PEM block, which is not checked: x509-limbo does not test the reading of PEM. */
export function decodePem(pem: string): Uint8Array {
  return new Uint8Array(Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/gu, ""), "base64"));
}
