/** The thread that removes one check after another and asks the oracles' questions. Some of them then never end. */
import { parentPort, workerData } from "node:worker_threads";
import { state } from "./switch.ts";

/** A message to the main thread. `begins` comes before each check, so that the main thread knows which one never ends. */
export type Message =
  | { readonly kind: "ready"; readonly questions: number }
  | { readonly kind: "begins"; readonly id: number }
  | { readonly kind: "seen"; readonly id: number; readonly by: string }
  | { readonly kind: "unseen"; readonly id: number; readonly asked: number };

const ids: readonly number[] = workerData;
const post = (message: Message): void => parentPort?.postMessage(message);

// switch.ts must be loaded before the oracles, which load src/trust.
const { questions } = await import("./oracles.ts");
const usable = [];
for (const question of questions()) {
  const before = await question.ask();
  state.fired.clear();
  const answer = await question.ask();
  // A question whose answer is not always the same cannot show a removal.
  if (answer === before) usable.push({ question, answer, fired: new Set(state.fired) });
}
post({ kind: "ready", questions: usable.length });
for (const id of ids) {
  post({ kind: "begins", id });
  // The removal changes nothing where the condition had the value that it has without the check.
  const touched = usable.filter(({ fired }) => fired.has(id));
  state.removed = id;
  let by: string | null = null;
  for (const { question, answer } of touched) {
    const now = await question.ask().catch((error: unknown) => `throws ${String(error)}`);
    if (now === answer) continue;
    by = `${question.oracle} ${question.name}: ${answer.slice(0, 60)} became ${now.slice(0, 60)}`;
    break;
  }
  state.removed = -1;
  post(by === null ? { kind: "unseen", id, asked: touched.length } : { kind: "seen", id, by });
}
