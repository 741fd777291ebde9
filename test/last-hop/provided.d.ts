import type { OpensslFixtures } from "./openssl-suite.ts";
import type { Fixtures } from "./suite.ts";

declare module "vitest" {
  /** What worker-setup.ts hands to the tests in workerd. */
  interface ProvidedContext {
    fixtures: Fixtures;
    bundleText: string;
    /** Nobody answers a SYN there. */
    silentPort: number;
    openssl: OpensslFixtures | null;
  }
}
