/** Lines of standard output and standard error: what a reader that takes nothing, or a failing write, does to them. */
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { LineWriter, printable } from "../../src/cli/serve/lines.ts";
import type { Put } from "../../src/cli/serve/output.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A writer to an output that `put` makes, and the reasons that it gives for dropped lines. */
function writerTo(put: (bytes: Buffer) => Put): { readonly lines: LineWriter; readonly reasons: readonly string[] } {
  const reasons: string[] = [];
  return { lines: new LineWriter({ put, waitingBytes: 0 }, { onDrop: (reason) => reasons.push(reason) }), reasons };
}

/** An output whose reader takes as many bytes as `room` says. */
function slowReader() {
  const reader = { room: 0, read: "" };
  const put = (bytes: Buffer): Put => {
    const some = bytes.subarray(0, reader.room);
    reader.room -= some.length;
    reader.read += some.toString();
    return { kind: "taken", bytes: some.length };
  };
  return { reader, put };
}

async function settled(lines: LineWriter): Promise<boolean> {
  const settling = lines.settle();
  await vi.advanceTimersByTimeAsync(2_000);
  return settling;
}

it("a reader that stands still has a bounded number of bytes waiting, and no line that was taken is lost", async () => {
  const { reader, put } = slowReader();
  const { lines, reasons } = writerTo(put);
  for (let count = 0; count < 3_000; count++) lines.write(`${count} ${"x".repeat(1_000)}`);
  expect(lines.dropped).toBeGreaterThan(1_500);
  expect(reasons).toEqual(["its reader stands still"]);
  reader.room = 1_500;
  await settled(lines);
  reader.room = Number.POSITIVE_INFINITY;
  expect(await settled(lines)).toBe(true);
  const numbers = reader.read
    .trimEnd()
    .split("\n")
    .map((line) => Number(line.split(" ")[0]));
  expect(numbers).toEqual(numbers.map((_, index) => index));
  expect(numbers.length + lines.dropped).toBe(3_000);
});

it("a process that ends waits a second for a reader that stands still, and no longer", async () => {
  const { lines } = writerTo(slowReader().put);
  lines.write("a line");
  let answer: boolean | null = null;
  void lines.settle().then((isWritten) => (answer = isWritten));
  await vi.advanceTimersByTimeAsync(900);
  expect(answer).toBe(null);
  await vi.advanceTimersByTimeAsync(200);
  expect(answer).toBe(false);
});

it("a process that ends waits until a slow reader has taken all lines", async () => {
  const { reader, put } = slowReader();
  const { lines } = writerTo(put);
  lines.write("a line");
  const settling = lines.settle();
  await vi.advanceTimersByTimeAsync(500);
  reader.room = 100;
  await vi.advanceTimersByTimeAsync(100);
  expect([await settling, reader.read]).toEqual([true, "a line\n"]);
});

it("each line of a write that fails is counted, the reason is given once, and later lines are written again", async () => {
  let isFull = true;
  let read = "";
  const { lines, reasons } = writerTo((bytes) => {
    if (isFull) return { kind: "failed", reason: "ENOSPC" };
    read += bytes.toString();
    return { kind: "taken", bytes: bytes.length };
  });
  for (const line of ["one", "two"]) lines.write(line);
  await settled(lines);
  lines.write("three");
  await settled(lines);
  expect([lines.dropped, reasons]).toEqual([3, ["ENOSPC"]]);
  isFull = false;
  lines.write("four");
  await settled(lines);
  expect([read, lines.dropped]).toEqual(["four\n", 3]);
});

it("what a terminal obeys is escaped, and JSON stays the same", () => {
  const text = "a\u009b31m\u0085\u202e\u2066é\u200f\ufeff\u007f";
  expect(printable(JSON.stringify(text))).toMatch(/^[ -~é]*$/);
  expect(JSON.parse(printable(JSON.stringify(text)))).toBe(text);
  expect(printable("\u001b[2J")).toBe("\\u001b[2J");
});
