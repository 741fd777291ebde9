/**
 * The functions of ours that a request on a pooled connection passes, each called by the one before: from the front's event
 * until bytes wait to be written, and from the next turn of the event loop to the backend's socket.
 */
import { once } from "node:events";
import { Agent, request } from "node:http";
import { Socket } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, expect, it } from "vitest";
import { compile } from "../../src/compile/index.ts";
import { nodeRuntime } from "../../src/host/node/runtime.ts";
import { serve, type Serving } from "../../src/host/node/serve.ts";
import { SNI } from "../backend/fixtures/client.ts";
import { root } from "../backend/fixtures/last-hop.ts";
import { plain, secureHttp1 } from "../backend/fixtures/servers.ts";
import { backendYaml, edgeYaml, policyYaml } from "../support/manifests.ts";

/** The method of the class that Socket extends. */
const write: Socket["write"] = Reflect.get(Socket.prototype, "write");
const { stackTraceLimit } = Error;
let serving: Serving | null = null;
afterEach(async () => {
  Reflect.deleteProperty(Socket.prototype, "write");
  Error.stackTraceLimit = stackTraceLimit;
  await serving?.close();
});

/** The frames of `src/` in the stack, the innermost first. */
const framesOfOurs = (): readonly string[] =>
  (new Error().stack ?? "").split("\n").filter((line) => line.includes("/src/"));

it.each([
  ["plaintext", 20, plain],
  // One function more reads the lengths of TLS records (src/backend/connect/record-lengths.ts).
  ["TLS", 21, secureHttp1],
] as const)("over %s are no more than %i", async (kind, most, start) => {
  const server = await start((_, response) => void response.end("ok"));
  const policy = kind === "TLS" ? policyYaml("test", "app", SNI) : "";
  const yaml = edgeYaml("test", root.certPem) + backendYaml("test", "app", server.port) + policy;
  const built = compile([{ file: "cluster.yaml", text: yaml }], { allowLoopback: true });
  if (built.text === null) throw new Error(JSON.stringify(built.diagnostics));
  const runtime = nodeRuntime();
  let waiting: readonly string[] = [];
  let writing: readonly string[] = [];
  const soon = (act: () => void): void => {
    if (writing.length === 0) waiting = framesOfOurs();
    runtime.soon(act);
  };
  serving = await serve(built.text, {
    runtime: { ...runtime, soon },
    address: "127.0.0.1",
    portMap: new Map([[80, 0]]),
    log: () => undefined,
  });
  const agent = new Agent({ keepAlive: true });
  const port = serving.ports.get(80);
  const ask = async (): Promise<string> => {
    const [response] = await once(request({ port, agent, headers: { host: "app.example.com" } }).end(), "response");
    return text(response);
  };
  expect(await ask()).toBe("ok");
  Error.stackTraceLimit = 50;
  Object.defineProperty(Socket.prototype, "write", {
    configurable: true,
    writable: true,
    value(this: Socket, ...args: Parameters<Socket["write"]>): unknown {
      if (this.remotePort === server.port && writing.length === 0) writing = framesOfOurs();
      return Reflect.apply(write, this, args);
    },
  });
  expect(await ask()).toBe("ok");
  agent.destroy();
  expect(server.connections).toBe(1);
  // Each of the two has its ends, so that nothing is left out.
  expect(waiting.at(0)).toContain("schedule");
  expect(waiting.at(-1)).toContain("/host/node/http1-client.ts");
  expect(writing.at(0)).toContain("/host/node/socket.ts");
  expect([...waiting, ...writing].length, [...waiting, ...writing].join("\n")).toBeLessThanOrEqual(most);
});
