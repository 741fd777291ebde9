/** Many requests on one HTTP/1.1 connection, sent without waiting for an answer (RFC 9112 §9.3.2). */
import { connect } from "node:net";
import type { Target } from "./target.ts";

/** What came of pipelined requests. */
export interface Pipelined {
  /** The number of complete answers. */
  readonly answers: number;
  /** Whether each answer was that of the request at its place. */
  readonly inOrder: boolean;
  /** The most memory that the gateway took beyond what it had before. */
  readonly grownBytes: number;
}

/** Sends the requests. Resolves when all answers have come, when the connection has closed, or after `limitMs`. */
export function pipeline(target: Target, bounds: { requests: number; limitMs: number }): Promise<Pipelined> {
  const { requests, limitMs } = bounds;
  const socket = connect({ host: "127.0.0.1", port: target.port });
  const before = target.residentBytes();
  let [answers, inOrder, most, rest, next] = [0, true, before, "", 0];
  const more = (): void => {
    while (next < requests) {
      let text = "";
      for (const end = Math.min(next + 500, requests); next < end; next++)
        text += `GET /${next} HTTP/1.1\r\nHost: ${target.host}\r\n\r\n`;
      if (!socket.write(text)) return void socket.once("drain", more);
    }
  };
  return new Promise((resolve) => {
    const sampling = setInterval(() => (most = Math.max(most, target.residentBytes())), 50);
    const timer = setTimeout(() => socket.destroy(), limitMs);
    socket.on("error", () => undefined);
    socket.once("close", () => {
      clearInterval(sampling);
      clearTimeout(timer);
      resolve({ answers, inOrder, grownBytes: Math.max(most, target.residentBytes()) - before });
    });
    socket.once("connect", more);
    socket.setEncoding("latin1").on("data", (text: string) => {
      rest += text;
      // The backend answers with the path, whose length the head says.
      for (;;) {
        const head = rest.indexOf("\r\n\r\n");
        const length = Number(/^content-length: (\d+)/im.exec(rest.slice(0, head))?.[1]);
        if (head < 0 || rest.length < head + 4 + length) break;
        if (rest.slice(head + 4, head + 4 + length) !== `/${answers}`) inOrder = false;
        rest = rest.slice(head + 4 + length);
        answers++;
      }
      if (answers === requests) socket.destroy();
    });
  });
}
