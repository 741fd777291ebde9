/** The memory of an isolate in workerd, from its inspector (Chrome DevTools protocol). It includes garbage. */
import { once } from "node:events";
import { WebSocket } from "ws";

/** The bytes of JavaScript objects, and of buffers outside the heap. */
export async function heapBytes(inspectorPort: number): Promise<number> {
  const socket = new WebSocket(`ws://127.0.0.1:${inspectorPort}/main`);
  await once(socket, "open");
  try {
    socket.send(JSON.stringify({ id: 1, method: "Runtime.getHeapUsage" }));
    const [data] = (await once(socket, "message")) as [Buffer];
    const { result } = JSON.parse(data.toString()) as { result?: { usedSize: number; backingStorageSize: number } };
    if (result === undefined) throw new Error(`Runtime.getHeapUsage: ${data.toString()}`);
    return result.usedSize + result.backingStorageSize;
  } finally {
    socket.terminate();
  }
}
