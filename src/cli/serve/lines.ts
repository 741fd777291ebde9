/** Lines to a stream, many in one write: a write a line costs more than the request it tells of. */
import type { Writable } from "node:stream";

/** The lines of one turn of the event loop leave together; a process that exits has written those before. */
export function lineWriter(stream: Writable): (line: string) => void {
  let pending = "";
  const flush = (): void => {
    const text = pending;
    pending = "";
    stream.write(text);
  };
  return (line) => {
    if (pending === "") setImmediate(flush);
    pending += `${line}\n`;
  };
}
