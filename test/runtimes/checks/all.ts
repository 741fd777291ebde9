/** The one table: every runtime is asked all of it, in this order. */
import type { Check } from "../check.ts";
import { FORWARDING } from "./forwarding.ts";
import { LIFECYCLE } from "./lifecycle.ts";
import { LISTENERS } from "./listeners.ts";
import { OBJECT } from "./object.ts";
import { STREAMS } from "./streams.ts";

export const CHECKS: readonly Check[] = [...FORWARDING, ...LISTENERS, ...STREAMS, ...OBJECT, ...LIFECYCLE];
