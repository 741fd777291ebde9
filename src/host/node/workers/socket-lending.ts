/**
 * Which worker accepts from which sockets. Each worker's place has a slot, and each port a socket for every slot. While the
 * worker of a slot does not serve, another accepts from its sockets, so that no connection waits in them.
 */
import type { ListeningSockets } from "./listening-sockets.ts";
import type { WorkerProcess } from "./worker-process.ts";

/** What is lent: the sockets of each port of each serving. */
export interface Lendable {
  readonly serving: number;
  readonly sockets: ReadonlyMap<number, ListeningSockets>;
}

/** The sockets that each worker has been lent. */
export class SocketLending {
  readonly #slots: number;
  readonly #lent = new WeakMap<WorkerProcess, Map<number, Set<ListeningSockets>>>();

  /** `slots`: the number of slots, one for each worker. */
  constructor(slots: number) {
    this.#slots = slots;
  }

  /** Lends every socket to one worker of `ready`, and tells the others to accept from it no more. */
  lend(ready: readonly WorkerProcess[], contents: Iterable<Lendable>): void {
    const all = [...contents];
    const lenders = Array.from(
      { length: this.#slots },
      (_, slot) => ready.find((worker) => worker.slot === slot) ?? ready[slot % ready.length],
    );
    for (const worker of ready) {
      const lent = this.#lent.get(worker) ?? new Map<number, Set<ListeningSockets>>();
      this.#lent.set(worker, lent);
      for (const [slot, lender] of lenders.entries()) {
        if (lender === worker) this.#lendSlot(worker, slot, lent, all);
        else if (lent.delete(slot)) worker.send({ kind: "unlisten", slot });
      }
    }
  }

  #lendSlot(
    worker: WorkerProcess,
    slot: number,
    lent: Map<number, Set<ListeningSockets>>,
    contents: readonly Lendable[],
  ): void {
    const known = lent.get(slot) ?? new Set<ListeningSockets>();
    lent.set(slot, known);
    for (const { serving, sockets } of contents) {
      for (const [port, opened] of sockets) {
        const handle = opened.handles[slot];
        if (handle === undefined || known.has(opened)) continue;
        known.add(opened);
        worker.send({ kind: "listen", serving, port, slot }, handle);
      }
    }
  }
}
