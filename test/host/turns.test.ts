/** Bytes of many backend connections at once: how many a turn of the event loop takes, and whose. */
import { expect, it } from "vitest";
import { CROWDED_MS, LONG_MS, MAX_BEFORE_OTHERS, TURN_MS, Turns, YOUNG_BYTES } from "../../src/host/node/turns.ts";

const MUCH = "much";

/** A loop whose turns and whose time the test moves. `cost` is the time that the bytes of one connection take, but for {@link MUCH}. */
function loop(cost: number) {
  let nowMs = 0;
  const due: (() => void)[] = [];
  const taken: string[] = [];
  const turns = new Turns({
    nowMs: () => nowMs,
    nextTurn: (act) => void due.push(act),
    afterwards: (act) => void Promise.resolve().then(() => Promise.resolve().then(act)),
  });
  const take = (what: string): void => {
    taken.push(what);
    nowMs += what === MUCH ? CROWDED_MS : cost;
  };
  return {
    /** Lets bytes of a connection come. */
    arrive: (backend: string, name = backend, received = 0): void => {
      const turn = turns.wait(backend, received);
      if (turn === null) take(name);
      else void turn.then(() => take(name));
    },
    /** Begins the next turn. Resolves with the names whose bytes were taken since the last turn. */
    turn: async (): Promise<readonly string[]> => {
      const before = taken.splice(0);
      for (const act of due.splice(0)) act();
      for (let microtask = 0; microtask < 1_000; microtask++) await Promise.resolve();
      return before;
    },
  };
}

it("takes all that is there at once while it costs little", async () => {
  const { arrive, turn } = loop(TURN_MS / 100);
  for (let count = 0; count < 50; count++) arrive("a");
  expect(await turn()).toHaveLength(50);
});

it("takes one connection a turn of what costs much, in the order in which it came", async () => {
  const { arrive, turn } = loop(CROWDED_MS);
  for (const name of ["1", "2", "3", "4"]) arrive("a", name);
  // The first bytes of a backend pass, and so do the first bytes of a turn.
  expect(await turn()).toEqual(["1", "2"]);
  expect(await turn()).toEqual(["3"]);
  expect(await turn()).toEqual(["4"]);
  expect(await turn()).toEqual([]);
});

it("goes on in one turn for a short time when others wait", async () => {
  const { arrive, turn } = loop(TURN_MS / 4);
  arrive(MUCH);
  for (let count = 0; count < 13; count++) arrive("a");
  expect(await turn()).toEqual([MUCH, "a"]);
  for (let count = 0; count < 3; count++) expect(await turn()).toHaveLength(4);
  expect(await turn()).toEqual([]);
});

it("takes the bytes of another backend at once, whoever waits, but of no more than its bound of them", async () => {
  const { arrive, turn } = loop(CROWDED_MS);
  for (let count = 0; count < 100; count++) arrive("crowd");
  await turn();
  arrive("other");
  expect(await turn()).toEqual(["crowd", "other"]);
  for (let count = 0; count < 20; count++) arrive(`another ${count}`);
  const taken = await turn();
  expect(taken.filter((name) => name !== "crowd")).toHaveLength(MAX_BEFORE_OTHERS);
});

it("goes round those that wait, one connection of each", async () => {
  const { arrive, turn } = loop(CROWDED_MS);
  for (let count = 0; count < 4; count++) arrive("a");
  for (let count = 0; count < 3; count++) arrive("b");
  const order = [];
  for (let count = 0; count < 6; count++) order.push(await turn());
  expect(order).toEqual([["a", "a", "b"], ["a"], ["b"], ["a"], ["b"], []]);
});

it("lets bytes of responses pass those of handshakes that wait, for a longer time", async () => {
  const { arrive, turn } = loop(CROWDED_MS);
  for (const name of ["handshake 1", "handshake 2", "handshake 3"]) arrive("a", name);
  arrive("a", "response 1", YOUNG_BYTES);
  expect(CROWDED_MS * 3, "the fourth would begin later than that").toBeGreaterThan(LONG_MS);
  arrive("a", "response 2", YOUNG_BYTES);
  expect(await turn()).toEqual(["handshake 1", "handshake 2", "response 1"]);
  expect(await turn()).toEqual(["handshake 3"]);
  expect(await turn()).toEqual(["response 2"]);
});
