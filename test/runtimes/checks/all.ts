/** All checks, in the order in which they run on every runtime. */
import type { Check } from "../check.ts";
import { FORWARDING } from "./forwarding.ts";
import { FRAMING } from "./framing.ts";
import { LIFECYCLE } from "./lifecycle.ts";
import { LISTENERS } from "./listeners.ts";
import { OBJECT } from "./object.ts";
import { STREAMS } from "./streams.ts";
import { WORKERS } from "./workers.ts";

/** All checks. */
export const CHECKS: readonly Check[] = [
  ...FORWARDING,
  ...FRAMING,
  ...LISTENERS,
  ...STREAMS,
  ...OBJECT,
  ...WORKERS,
  ...LIFECYCLE,
];
