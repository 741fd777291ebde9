/** TLS handshakes of many clients at once: how many a turn of the event loop begins, and whose. */
import { expect, it } from "vitest";
import { Admission, LONGEST_WAIT_MS, MAX_A_TURN, SHORT_TURN_MS } from "../../src/host/node/admission.ts";

/** A loop whose turns and whose time the test moves. */
function loop() {
  let nowMs = 0;
  const due: (() => void)[] = [];
  const begun: string[] = [];
  const admission = new Admission({ nowMs: () => nowMs, nextTurn: (act) => void due.push(act) });
  return {
    add: (address: string, name = address): void => admission.add(address, () => void begun.push(name)),
    /** Other work takes so long, and then the next turn comes. Answers who has begun since the last one. */
    turn: (tookMs: number): readonly string[] => {
      nowMs += tookMs;
      for (const act of due.splice(0)) act();
      return begun.splice(0);
    },
    begun: () => begun.splice(0),
    isAwake: () => due.length > 0,
  };
}

it("begins with a client at once when no other waits", () => {
  const { add, turn, begun, isAwake } = loop();
  add("a");
  expect(begun()).toEqual(["a"]);
  turn(0);
  expect(isAwake(), "a loop without clients sleeps").toBe(false);
  add("b");
  expect(begun()).toEqual(["b"]);
});

it("begins with a few in a short turn, and with none in a long one", () => {
  const { add, turn, begun } = loop();
  for (let count = 0; count < 50; count++) add("a");
  expect(begun()).toHaveLength(1);
  expect(turn(SHORT_TURN_MS)).toHaveLength(MAX_A_TURN);
  expect(turn(SHORT_TURN_MS + 1)).toHaveLength(0);
  expect(turn(SHORT_TURN_MS)).toHaveLength(MAX_A_TURN);
});

it("begins with one now and then however long turns are", () => {
  const { add, turn, begun } = loop();
  for (let count = 0; count < 5; count++) add("a");
  begun();
  for (let count = 0; count < 4; count++) expect(turn(LONGEST_WAIT_MS)).toHaveLength(1);
  expect(turn(LONGEST_WAIT_MS)).toHaveLength(0);
});

it("takes addresses in a circle, so that one with many clients does not keep another", () => {
  const { add, turn, begun } = loop();
  for (let count = 0; count < 20; count++) add("many", `many ${count}`);
  add("other");
  expect([...begun(), ...turn(0)]).toEqual(["many 0", "many 1", "other", "many 2", "many 3"]);
});

it("begins with every client once, in the order of its address", () => {
  const { add, turn, begun, isAwake } = loop();
  const names = Array.from({ length: 103 }, (_, at) => `client ${at}`);
  for (const name of names) add("a", name);
  const seen = [...begun()];
  for (let turns = 0; isAwake() && turns < 1_000; turns++) seen.push(...turn(turns % 7));
  expect(seen).toEqual(names);
});
