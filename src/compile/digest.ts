/** SHA-256 by Node's crypto, which is synchronous as the codec and the passes need it. */
import { createHash } from "node:crypto";
import { digestOf } from "../bundle/codec.ts";

/** SHA-256 digest: 32 bytes. */
export const sha256 = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest();
/** SHA-256 of a value's canonical JSON, in hex. */
export const digestJson = (value: unknown): string => digestOf(value, sha256);
