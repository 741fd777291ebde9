/** TLS handshakes of many clients at once: how many a turn of the event loop begins, and whose. */
import { expect, it } from "vitest";
import {
  HandshakeAdmission,
  IDLE_TURN_MS,
  LONGEST_WAIT_MS,
  LOOK_MS,
  MAX_A_LOOK,
  MAX_A_TURN,
  MAX_UNANSWERED,
  SHORT_TURN_MS,
  UNANSWERED_MS,
} from "../../src/host/node/handshake-admission.ts";

/** A loop whose turns and whose time the test moves. Clients are answered at once unless `answers` is false. */
function loop({ answers = true } = {}) {
  let nowMs = 0;
  const due: (() => void)[] = [];
  const timers: { readonly atMs: number; readonly act: () => void }[] = [];
  const begun: string[] = [];
  const unanswered: (() => void)[] = [];
  const admission = new HandshakeAdmission({
    nowMs: () => nowMs,
    nextTurn: (act) => void due.push(act),
    later: (act, afterMs) => void timers.push({ atMs: nowMs + afterMs, act }),
  });
  /** Begins the next turn after other work of `tookMs`. Returns the clients that have begun since the last turn. */
  const turn = (tookMs: number): readonly string[] => {
    nowMs += tookMs;
    const timed = timers.filter(({ atMs }) => atMs <= nowMs);
    for (const each of timed) timers.splice(timers.indexOf(each), 1);
    for (const act of [...due.splice(0), ...timed.map(({ act }) => act)]) act();
    return begun.splice(0);
  };
  return {
    add: (address: string, name = address): void =>
      admission.add(address, (answered) => {
        begun.push(name);
        if (answers) answered();
        else unanswered.push(answered);
      }),
    turn,
    /** The clients that begin within `forMs`, while each turn takes `tookMs`. */
    run: (tookMs: number, forMs: number): readonly string[] => {
      const until = nowMs + forMs;
      const all: string[] = [];
      while (nowMs < until) {
        if (due.length === 0) nowMs = Math.max(nowMs, Math.min(until, ...timers.map(({ atMs }) => atMs)));
        all.push(...turn(tookMs));
      }
      return all;
    },
    answer: (count: number): void => {
      for (const answered of unanswered.splice(0, count)) answered();
    },
    begun: () => begun.splice(0),
    isAwake: () => due.length > 0 || timers.length > 0,
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

/** A turn that is longer than that of an idle process, and still short. */
const BUSY_TURN_MS = 1;

it("begins with no more than some while the process is busy, until they are answered", () => {
  const { add, run, answer } = loop({ answers: false });
  for (let count = 0; count < 10 * MAX_UNANSWERED; count++) add("a");
  expect(run(BUSY_TURN_MS, UNANSWERED_MS / 2)).toHaveLength(MAX_UNANSWERED);
  expect(run(BUSY_TURN_MS, UNANSWERED_MS / 4)).toHaveLength(0);
  answer(5);
  expect(run(BUSY_TURN_MS, LOOK_MS)).toHaveLength(5);
});

it("begins with more when the process has nothing to do, a few each time it is looked at", () => {
  const { add, run } = loop({ answers: false });
  for (let count = 0; count < 10 * MAX_UNANSWERED; count++) add("a");
  run(BUSY_TURN_MS, MAX_UNANSWERED);
  const idle = run(IDLE_TURN_MS / 2, 10 * LOOK_MS);
  expect(idle.length).toBeGreaterThanOrEqual(8 * MAX_A_LOOK);
  expect(idle.length).toBeLessThanOrEqual(10 * MAX_A_LOOK);
});

it("counts a client no longer that is not answered for long", () => {
  const { add, run } = loop({ answers: false });
  for (let count = 0; count < 2 * MAX_UNANSWERED; count++) add("a");
  expect(run(BUSY_TURN_MS, UNANSWERED_MS - LOOK_MS)).toHaveLength(MAX_UNANSWERED);
  expect(run(BUSY_TURN_MS, 4 * LOOK_MS + MAX_UNANSWERED)).toHaveLength(MAX_UNANSWERED);
});

it("sleeps when the last client has begun, answered or not", () => {
  const { add, run, isAwake } = loop({ answers: false });
  for (let count = 0; count < MAX_UNANSWERED + 3; count++) add("a");
  run(IDLE_TURN_MS / 2, 20 * LOOK_MS);
  expect(isAwake()).toBe(false);
  add("b");
  expect(run(IDLE_TURN_MS / 2, 2 * LOOK_MS), "one more comes later").toEqual(["b"]);
});
