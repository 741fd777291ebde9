/** Outputs that take no lines of an access log: a full disk, a reader that has gone, and one that does not read. */
import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** An output that takes no lines. */
export type Sink = "full disk" | "reader gone" | "reader stands still";

/** An output that is open. */
export interface OpenSink {
  /** The descriptor for a process's output. */
  readonly descriptor: number;
  close(): void;
}

/** Opens an output that takes no lines. */
export function openSink(kind: Sink): OpenSink {
  if (kind === "full disk") {
    const descriptor = openSync("/dev/full", "w");
    return { descriptor, close: () => closeSync(descriptor) };
  }
  const directory = mkdtempSync(join(tmpdir(), "lasthop-sink-"));
  const path = join(directory, "fifo");
  execFileSync("mkfifo", [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const descriptor = openSync(path, "w");
  if (kind === "reader gone") closeSync(reader);
  else fill(path);
  return {
    descriptor,
    close() {
      closeSync(descriptor);
      if (kind === "reader stands still") closeSync(reader);
      rmSync(directory, { recursive: true });
    },
  };
}

/** Fills a pipe, so that it takes no further byte. */
function fill(path: string): void {
  const descriptor = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  try {
    for (;;) writeSync(descriptor, Buffer.alloc(4_096));
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) throw error;
  } finally {
    closeSync(descriptor);
  }
}
