/** Removes one check after the other and asks the oracles what their answers tell. A thread, because some never end. */
import { parentPort, workerData } from "node:worker_threads";
import { state } from "./switch.ts";

/** `begins` before each check, so that the other side sees which one never ends. */
export type Message =
  | { readonly kind: "ready"; readonly questions: number }
  | { readonly kind: "begins"; readonly id: number }
  | { readonly kind: "seen"; readonly id: number; readonly by: string }
  | { readonly kind: "unseen"; readonly id: number; readonly asked: number };

const ids: readonly number[] = workerData;
const say = (message: Message): void => parentPort?.postMessage(message);

// After the switch is in place.
const { questions } = await import("./oracles.ts");
const asked = [];
for (const question of questions()) {
  const before = await question.ask();
  state.fired.clear();
  const answer = await question.ask();
  // What does not answer the same twice can tell nothing.
  if (answer === before) asked.push({ question, answer, fired: new Set(state.fired) });
}
say({ kind: "ready", questions: asked.length });
for (const id of ids) {
  say({ kind: "begins", id });
  // Where the condition came out as it would without the check, its removal changes nothing.
  const touched = asked.filter(({ fired }) => fired.has(id));
  state.removed = id;
  let by: string | null = null;
  for (const { question, answer } of touched) {
    const now = await question.ask().catch((error: unknown) => `throws ${String(error)}`);
    if (now === answer) continue;
    by = `${question.oracle} ${question.name}: ${answer.slice(0, 60)} became ${now.slice(0, 60)}`;
    break;
  }
  state.removed = -1;
  say(by === null ? { kind: "unseen", id, asked: touched.length } : { kind: "seen", id, by });
}
