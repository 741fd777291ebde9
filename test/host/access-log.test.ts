/** An access log that cannot be written: lines are dropped and counted, requests are answered, and SIGTERM ends the process. */
import { once } from "node:events";
import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import { openSink, type Sink } from "../attacks/logs.ts";
import { type Gateway, type GatewayOptions, startGateway, UNDER_TEST } from "../attacks/target.ts";
import { ask } from "../runtimes/clients.ts";

const SINKS: readonly Sink[] = ["full disk", "reader gone", "reader stands still"];
/** A path that makes the line of a request about as long as itself. */
const PATH = `/${"a".repeat(14_000)}`;

describe.each(UNDER_TEST)("on %s", (runtime) => {
  describe("an access log that cannot be written", () => {
    it.each(SINKS)("does not stop the gateway: %s", async (kind) => {
      const sink = openSink(kind);
      await serving({ runtime, stdout: sink.descriptor }, async (gateway) => {
        for (let count = 0; count < 300; count++) expect(await statusOf(gateway)).toBe(200);
        await expect.poll(() => dropped(gateway)).toBeGreaterThan(kind === "reader stands still" ? 100 : 290);
        expect(gateway.said().match(/the access log cannot be written/g)).toHaveLength(1);
      });
      sink.close();
    });

    it.each(SINKS)("does not delay the end of the gateway after SIGTERM: %s", async (kind) => {
      const sink = openSink(kind);
      await serving({ runtime, stdout: sink.descriptor }, async (gateway) => {
        expect(await statusOf(gateway)).toBe(200);
        await expectEnd(gateway);
      });
      sink.close();
    });
  });

  // SIGHUP makes the gateway write a line to standard error: its bundle is the same, or was read anew.
  it.each(SINKS)("standard error that cannot be written does not stop the gateway either: %s", async (kind) => {
    const [out, error] = [openSink(kind), openSink(kind)];
    await serving({ runtime, stdout: out.descriptor, stderr: error.descriptor }, async (gateway) => {
      for (let count = 0; count < 20; count++) {
        gateway.child.kill("SIGHUP");
        expect(await statusOf(gateway)).toBe(200);
      }
      await expectEnd(gateway);
    });
    for (const sink of [out, error]) sink.close();
  });

  // Deno (2.9.6) stops with the reader of a socket (docs/operations.md); of a pipe it does not.
  it.skipIf(runtime === "deno")("an access log to a socket that is not read does not stop the gateway", async () => {
    await serving({ runtime, stdout: "pipe" }, expectDropsAndEnd);
  });

  it("an access log to a socket that is closed does not stop the gateway", async () => {
    await serving({ runtime, stdout: "pipe" }, async (gateway) => {
      gateway.child.stdout?.destroy();
      await expectDropsAndEnd(gateway);
    });
  });

  it("the access log names what a request asked for, and nothing that a terminal obeys", async () => {
    await serving({ runtime }, async (gateway) => {
      const socket = connect({ host: "127.0.0.1", port: gateway.port });
      const text = `GET /a HTTP/1.1\r\nHost: a\u009b31m\u0085\u009d\r\nConnection: close\r\n\r\n`;
      socket.write(Buffer.from(text, "latin1"));
      await once(socket.resume(), "close");
      await expect.poll(() => gateway.records()).toHaveLength(1);
      expect(gateway.logged()).toContain("\\u009b31m");
      expect(gateway.logged()).toMatch(/^[ -~\n]*$/);
    });
  });
});

async function serving(options: GatewayOptions, run: (gateway: Gateway) => Promise<void>): Promise<void> {
  const gateway = await startGateway(options);
  try {
    await run(gateway);
  } finally {
    await gateway.close();
  }
}

const statusOf = async ({ port, host }: Gateway): Promise<number> => (await ask(port, host, PATH)).status;

async function dropped({ metricsPort }: Gateway): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  return Number(/^lasthop_access_log_dropped_total (\d+)$/m.exec(text)?.[1]);
}

async function expectDropsAndEnd(gateway: Gateway): Promise<void> {
  for (let count = 0; count < 300; count++) expect(await statusOf(gateway)).toBe(200);
  await expect.poll(() => dropped(gateway)).toBeGreaterThan(100);
  await expectEnd(gateway);
}

/** Ends the gateway as an operator does. A gateway that waits for the reader of its log does not end. */
async function expectEnd({ child }: Gateway): Promise<void> {
  child.kill("SIGTERM");
  await expect.poll(() => child.exitCode).toBe(0);
}
