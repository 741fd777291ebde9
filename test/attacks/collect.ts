/** Garbage collection in a runtime, through the inspector that it was started with. What is left is really held. */
import { freePort } from "../../src/cli/free-port.ts";
import type { ServingRuntime } from "../runtimes/hosts.ts";

/** The garbage collection of one runtime. */
export interface Collector {
  /** The flag for the runtime's command line. */
  readonly flag: string;
  /** Resolves when the garbage is collected; rejects when nobody listens. */
  collect(): Promise<void>;
}

/** The method that collects garbage in the protocol of V8, and in that of JavaScriptCore. */
const METHODS: Readonly<Record<ServingRuntime, string>> = {
  node: "HeapProfiler.collectGarbage",
  deno: "HeapProfiler.collectGarbage",
  bun: "Heap.gc",
};

/** A collector for a runtime that is started with its flag. */
export async function collectorOf(runtime: ServingRuntime): Promise<Collector> {
  const address = `127.0.0.1:${await freePort()}`;
  // Bun's flag says the inspector's address; the others print it.
  const [flag, url] =
    runtime === "bun"
      ? [`--inspect=${address}/lasthop`, () => Promise.resolve(`ws://${address}/lasthop`)]
      : [`--inspect=${address}`, () => targetOf(address)];
  return { flag, collect: async () => ask(await url(), METHODS[runtime]) };
}

async function targetOf(address: string): Promise<string> {
  // An inspector closes connections on which no request comes for a while.
  const response = await fetch(`http://${address}/json/list`, { headers: { connection: "close" } });
  const [target] = (await response.json()) as readonly { readonly webSocketDebuggerUrl: string }[];
  if (target === undefined) throw new Error(`nothing to inspect on ${address}`);
  return target.webSocketDebuggerUrl;
}

async function ask(url: string, method: string): Promise<void> {
  const socket = new WebSocket(url);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener("open", () => socket.send(JSON.stringify({ id: 1, method })));
      socket.addEventListener("message", () => resolve());
      socket.addEventListener("close", () => reject(new Error(`the inspector at ${url} has gone`)));
    });
  } finally {
    socket.close();
  }
}
