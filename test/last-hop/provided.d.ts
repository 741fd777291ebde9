/** What test/last-hop/worker-setup.ts provides to tests. */
import type { OpensslFixtures } from "./openssl-suite.ts";
import type { Fixtures } from "./suite.ts";

declare module "vitest" {
  /** What worker-setup.ts hands to the tests in workerd. */
  interface ProvidedContext {
    fixtures: Fixtures;
    /** The fixtures of servers that no other test uses. */
    lastHop: Fixtures;
    bundleText: string;
    /** A port on which nobody answers a SYN. */
    silentPort: number;
    openssl: OpensslFixtures | null;
    /** `mutual.example.com` on an HTTP and an HTTPS listener, and the secrets file's text. */
    mutual: { readonly bundleText: string; readonly secretsText: string };
  }
}
