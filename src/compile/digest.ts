/** SHA-256 as the codec wants it; compile/ runs on Node.js. */
import { createHash } from "node:crypto";
import { digestOf } from "../bundle/codec.ts";

export const sha256 = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest();
/** Of a value's canonical JSON, in hex. */
export const digestJson = (value: unknown): string => digestOf(value, sha256);
