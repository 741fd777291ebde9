/** The demo's minting helper serves the tests as well. */
export * from "../../src/cli/demo/pki.ts";
