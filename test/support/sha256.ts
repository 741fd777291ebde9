/** SHA-256 by Node, for functions that take it as an argument. */
import { createHash } from "node:crypto";
import type { Bytes } from "./der.ts";

/** The digest of octets. */
export const sha256 = (data: Uint8Array): Bytes => new Uint8Array(createHash("sha256").update(data).digest());
