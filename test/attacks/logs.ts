/** Where an access log may go that takes no lines: a disk that is full, a reader that has gone, one that stands still. */
import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export type Sink = "full disk" | "reader gone" | "reader stands still";

export interface OpenSink {
  /** For a process's output. */
  readonly descriptor: number;
  close(): void;
}

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

/** Fills a pipe, so that it takes no byte more. */
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
