/** Which worker serves a connection: the one with the fewest, among those that serve. */
import type { PortName } from "./messages.ts";
import type { TcpHandle } from "./tcp-handle.ts";
import type { WorkerProcess } from "./worker-process.ts";

/**
 * By how many connections a worker may have more than the one with the fewest and still keep the next. To pass a connection
 * on costs more than to serve a short one.
 */
const SLACK = 1;

/** The placement of the connections about which workers ask, and of those that they give away. */
export class Placement {
  readonly #ready: () => readonly WorkerProcess[];
  /** Connections that wait for a worker, each with what places it. */
  readonly #waiting: { readonly handle: TcpHandle; readonly place: () => void }[] = [];
  #lastGiven = 0;

  /** `ready`: the workers that serve. */
  constructor(ready: () => readonly WorkerProcess[]) {
    this.#ready = ready;
  }

  /** Answers a worker that has accepted a connection. */
  ask(worker: WorkerProcess, connection: number): void {
    const fewest = this.#fewest(worker);
    const isKept = worker.state === "ready" && worker.connections <= (fewest?.connections ?? 0) + SLACK;
    if (isKept) worker.placed++;
    worker.send({ kind: "placed", connection, isKept });
  }

  /** Gives a connection to a worker, now or once one serves. */
  give({ serving, port }: PortName, handle: TcpHandle): void {
    const worker = this.#fewest(null);
    const again = (): void => this.give({ serving, port }, handle);
    if (worker === undefined) return void this.#waiting.push({ handle, place: again });
    worker.placed++;
    const connection = ++this.#lastGiven;
    // This process keeps its reference until the worker has taken the connection, because the worker may end before.
    worker.giving.set(connection, { handle, again });
    worker.send({ kind: "take", serving, port, connection }, handle);
  }

  /** Notes that a worker has taken a connection. */
  took(worker: WorkerProcess, connection: number): void {
    worker.giving.get(connection)?.handle.close();
    worker.giving.delete(connection);
  }

  /** Gives the connections that wait to the workers that serve now. */
  retry(): void {
    for (const { place } of this.#waiting.splice(0)) place();
  }

  /** Gives what an ended worker has not taken to others. */
  ended(worker: WorkerProcess): void {
    for (const { again } of worker.giving.values()) again();
  }

  /** Closes the connections that wait. */
  close(): void {
    for (const { handle } of this.#waiting.splice(0)) handle.close();
  }

  /** The worker with the fewest connections, `first` among equals; undefined while none serves. */
  #fewest(first: WorkerProcess | null): WorkerProcess | undefined {
    let found: WorkerProcess | undefined = first?.state === "ready" ? first : undefined;
    for (const worker of this.#ready())
      if (found === undefined || worker.connections < found.connections) found = worker;
    return found;
  }
}
