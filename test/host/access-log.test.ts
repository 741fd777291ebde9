/** An access log that cannot be written: lines are dropped and counted, requests are answered, SIGTERM ends the process. */
import { once } from "node:events";
import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import { LineWriter, printable } from "../../src/cli/serve/lines.ts";
import type { Put } from "../../src/cli/serve/output.ts";
import { openSink, type Sink } from "../attacks/logs.ts";
import { type Gateway, startGateway, UNDER_TEST } from "../attacks/target.ts";
import { ask } from "../runtimes/clients.ts";

const SINKS: readonly Sink[] = ["full disk", "reader gone", "reader stands still"];
/** Each line of the log is about as long. */
const PATH = `/${"a".repeat(14_000)}`;

async function dropped({ metricsPort }: Gateway): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  return Number(/^lasthop_access_log_dropped_total (\d+)$/m.exec(text)?.[1]);
}

describe.each(UNDER_TEST)("an access log that cannot be written, on %s", (runtime) => {
  it.each(SINKS)(
    "because of a %s, does not stop the gateway",
    async (kind) => {
      const sink = openSink(kind);
      const gateway = await startGateway({ runtime, stdout: sink.descriptor });
      try {
        for (let count = 0; count < 300; count++)
          expect((await ask(gateway.port, gateway.host, PATH)).status).toBe(200);
        await expect.poll(() => dropped(gateway)).toBeGreaterThan(kind === "reader stands still" ? 100 : 290);
        expect(gateway.said().match(/the access log cannot be written/g)).toHaveLength(1);
        // A shutdown that waits for the log's reader passes the time limit of this test.
        expect(await gateway.terminate()).toBe(0);
      } finally {
        await gateway.close();
        sink.close();
      }
    },
    60_000,
  );

  it.each(SINKS)(
    "nor does standard error with a %s",
    async (kind) => {
      const [out, error] = [openSink(kind), openSink(kind)];
      const gateway = await startGateway({ runtime, stdout: out.descriptor, stderr: error.descriptor });
      try {
        for (let count = 0; count < 20; count++) expect((await ask(gateway.port, gateway.host, PATH)).status).toBe(200);
        // It says each time why the bundle that it serves is not read anew, or that it is.
        for (let count = 0; count < 20; count++) gateway.child.kill("SIGHUP");
        expect((await ask(gateway.port, gateway.host, "/")).status).toBe(200);
        expect(await gateway.terminate()).toBe(0);
      } finally {
        await gateway.close();
        for (const sink of [out, error]) sink.close();
      }
    },
    60_000,
  );

  describe.each(["is not read", "has gone"])("because its socket %s", (kind) => {
    // Deno (2.9.6) stops with the reader of a socket (docs/operations.md); of a pipe it does not.
    it.skipIf(runtime === "deno" && kind === "is not read")(
      "does not stop the gateway",
      async () => {
        const gateway = await startGateway({ runtime, stdout: "pipe" });
        if (kind === "has gone") gateway.child.stdout?.destroy();
        try {
          for (let count = 0; count < 300; count++)
            expect((await ask(gateway.port, gateway.host, PATH)).status).toBe(200);
          await expect.poll(() => dropped(gateway)).toBeGreaterThan(100);
          expect(await gateway.terminate()).toBe(0);
        } finally {
          await gateway.close();
        }
      },
      60_000,
    );
  });

  it("names what a request asked for, and nothing that a terminal obeys", async () => {
    const gateway = await startGateway({ runtime });
    try {
      const socket = connect({ host: "127.0.0.1", port: gateway.port });
      const text = `GET /a HTTP/1.1\r\nHost: a\u009b31m\u0085\u009d\r\nConnection: close\r\n\r\n`;
      socket.write(Buffer.from(text, "latin1"));
      await once(socket.resume(), "close");
      await expect.poll(() => gateway.records()).toHaveLength(1);
      expect(gateway.logged()).toMatch(/^[ -~\n]*$/);
    } finally {
      await gateway.close();
    }
  });
});

describe("a line writer", () => {
  const writer = (put: (bytes: Buffer) => Put): { lines: LineWriter; lost: string[] } => {
    const lost: string[] = [];
    const output = { put, waitingBytes: 0 };
    return { lines: new LineWriter(output, { onDrop: (reason) => lost.push(reason) }), lost };
  };

  it("holds a bounded number of bytes for a reader that stands still, and loses no line that it took", async () => {
    let read = "";
    let room = 0;
    const { lines, lost } = writer((bytes) => {
      const some = bytes.subarray(0, room);
      room -= some.length;
      read += some.toString();
      return { kind: "taken", bytes: some.length };
    });
    for (let count = 0; count < 3_000; count++) lines.write(`${count} ${"x".repeat(1_000)}`);
    expect(lines.dropped).toBeGreaterThan(1_500);
    expect(lost).toEqual(["its reader stands still"]);
    room = 1_500;
    await lines.settle();
    room = Number.POSITIVE_INFINITY;
    expect(await lines.settle()).toBe(true);
    const numbers = read
      .trimEnd()
      .split("\n")
      .map((line) => Number(line.split(" ")[0]));
    expect(numbers).toEqual(numbers.map((_, index) => index));
    expect(numbers.length + lines.dropped).toBe(3_000);
  }, 20_000);

  it("counts each line of a write that fails, says so once, and goes on when there is room again", async () => {
    let isFull = true;
    let read = "";
    const { lines, lost } = writer((bytes) => {
      if (isFull) return { kind: "failed", reason: "ENOSPC" };
      read += bytes.toString();
      return { kind: "taken", bytes: bytes.length };
    });
    for (const line of ["one", "two"]) lines.write(line);
    await lines.settle();
    lines.write("three");
    await lines.settle();
    expect([lines.dropped, lost]).toEqual([3, ["ENOSPC"]]);
    isFull = false;
    lines.write("four");
    await lines.settle();
    expect([read, lines.dropped]).toEqual(["four\n", 3]);
  });

  it("escapes what a terminal obeys, and leaves JSON the same", () => {
    const text = "a\u009b31m\u0085\u202e\u2066é\u200f\ufeff\u007f";
    expect(printable(JSON.stringify(text))).toMatch(/^[ -~é]*$/);
    expect(JSON.parse(printable(JSON.stringify(text)))).toBe(text);
    expect(printable("\u001b[2J")).toBe("\\u001b[2J");
  });
});
