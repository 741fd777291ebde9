/** CPU profiles of V8, printed as tables of self time by room and by function. */

const TOP = 16;

/** A CPU profile, as https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile describes it. */
export interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Prints the functions and rooms with the most self time. */
export function printProfile({ nodes, samples, timeDeltas }: Profile): void {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const functions = new Map<string, number>();
  const rooms = new Map<string, number>();
  let total = 0;
  for (const [index, id] of samples.entries()) {
    const frame = frames.get(id);
    if (frame === undefined || frame.functionName === "(idle)") continue;
    const micros = timeDeltas[index] ?? 0;
    const place = /(?:src|node_modules)\/.*$|node:.*$|wasm:.*$/.exec(frame.url)?.[0] ?? frame.url;
    const name = `${frame.functionName || "(anonymous)"} ${place}${place === "" ? "" : `:${frame.lineNumber + 1}`}`;
    functions.set(name, (functions.get(name) ?? 0) + micros);
    const room = roomOf(place, frame.functionName);
    rooms.set(room, (rooms.get(room) ?? 0) + micros);
    total += micros;
  }
  for (const [title, sums, limit] of [
    ["room", rooms, TOP],
    ["function", functions, TOP],
  ] as const) {
    console.log(`| ${title} | self, % |\n|---|---|`);
    const top = [...sums].sort(([, a], [, b]) => b - a).slice(0, limit);
    for (const [name, micros] of top) console.log(`| ${name} | ${((100 * micros) / total).toFixed(1)} |`);
    console.log();
  }
}

function roomOf(place: string, functionName: string): string {
  if (place === "") return functionName;
  if (place.startsWith("wasm:")) return "the TLS module";
  return (
    /^src\/\w+(?:\/\w+(?=\/))?|^node_modules\/(?:@[^/]+\/)?[^/]+|^node:(?:internal\/)?\w+/.exec(place)?.[0] ?? place
  );
}
