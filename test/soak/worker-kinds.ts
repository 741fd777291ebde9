/** The kinds of requests that test/soak/worker.ts sends, with their expected outcomes. */
import { type Agent, type IncomingMessage, request as httpRequest } from "node:http";
import { once } from "node:events";
import { WebSocket } from "ws";

/** A kind of request. `ask` sends one and resolves with its outcome as text, which must equal `outcome`. */
type Kind = readonly [name: string, outcome: string, ask: () => Promise<string>];

/** All kinds, in an order that mixes faults with good requests. `agent` keeps the connections of clients that stay. */
export function kindsOf(port: number, agent: Agent): readonly Kind[] {
  const to = { port, agent };
  const upload = { method: "POST", body: new Uint8Array(50_000) };
  return [
    ["a small answer", "200", () => ask(to, "good", "/")],
    ["fields", "200", () => ask(to, "good", "/echo-headers")],
    ["TLS 1.2", "200", () => ask(to, "old", "/")],
    ["an upload", "200", () => ask(to, "good", "/upload", upload)],
    ["an upload answered early", "413", () => ask(to, "good", "/early", upload)],
    ["a download", "200", () => ask(to, "good", "/download?mb=1&length=1")],
    ["a download without length", "200", () => ask(to, "old", "/download?mb=1")],
    // Where the gateway had not sent the head yet, it answers with a failure of its own.
    ["a body cut off", "cut", async () => (await ask(to, "good", "/cut")).replace("502 response-incomplete", "cut")],
    ["a client that leaves", "200 left", () => ask(to, "good", "/download?mb=4", { leave: true })],
    ["a client that leaves a backend that stalls", "200 left", () => ask(to, "good", "/stall", { leave: true })],
    ["an unknown CA", "502 unknown-ca", () => ask(to, "evil", "/")],
    ["an expired chain", "502 expired", () => ask(to, "late", "/")],
    ["nobody there", "502 connection-unreachable", () => ask(to, "nobody", "/")],
    ["a WebSocket", "echo 1000", () => speak(port, "/ws/echo", (socket) => socket.close(1000))],
    ["a WebSocket whose client is cut off", "echo 1006", () => speak(port, "/ws/echo", (socket) => socket.terminate())],
    ["a WebSocket whose backend is cut off", "1014", () => speak(port, "/ws/cut")],
  ];
}

interface To {
  readonly port: number;
  readonly agent: Agent;
}

interface Ask {
  readonly method?: string;
  readonly body?: Uint8Array;
  /** Whether the client disconnects after the first bytes. */
  readonly leave?: boolean;
}

/** Sends a request. Resolves with the status and the code of a failure, or with "cut" when the response breaks off. */
async function ask(
  { port, agent }: To,
  name: string,
  path: string,
  { method = "GET", body, leave = false }: Ask = {},
): Promise<string> {
  const headers = { host: `${name}.example.com` };
  const request = httpRequest({ host: "127.0.0.1", port, agent, method, path, headers });
  request.end(body);
  try {
    const [response] = (await once(request, "response")) as [IncomingMessage];
    request.on("error", () => undefined);
    for await (const _ of response) {
      if (!leave) continue;
      // The connection is reset, because workerd notices a half-closed one only when it writes.
      request.socket?.resetAndDestroy();
      return `${response.statusCode} left`;
    }
    const code = /details="(.*)"/.exec(String(response.headers["proxy-status"]))?.[1];
    return code === undefined ? `${response.statusCode}` : `${response.statusCode} ${code}`;
  } catch {
    return "cut";
  }
}

/** Sends one message over a WebSocket. Resolves with the messages received and the close code. */
function speak(port: number, path: string, answered: (socket: WebSocket) => void = () => undefined): Promise<string> {
  return new Promise((resolve, reject) => {
    const received: string[] = [];
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers: { host: "good.example.com" } });
    socket.on("open", () => socket.send("echo"));
    socket.on("message", (data: Buffer) => {
      received.push(data.toString());
      answered(socket);
    });
    socket.on("error", reject);
    socket.on("close", (code) => resolve([...received, code].join(" ")));
  });
}
