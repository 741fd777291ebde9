/**
 * The import rule (docs/architecture.md): which room may import which other rooms, and in which order the files of a
 * room may import each other. oxlint has no rule for such tables, so this script checks every import of src/. Exit 1
 * and one line for each breach.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const src = join(root, "src");

/** Room → rooms it may import besides itself. bundle/ is open to all and imports nothing of ours. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  bundle: [],
  trust: ["bundle"],
  compile: ["bundle", "trust"],
  backend: ["bundle", "trust"],
  gateway: ["bundle", "trust", "backend"],
  host: ["bundle", "trust", "gateway", "backend"],
  controller: ["bundle", "trust", "compile"],
  cli: ["bundle", "trust", "compile", "gateway", "backend", "host", "controller"],
};
/**
 * Rooms of which other rooms import index.ts alone. The index.ts of trust/ exports no maker of a VerifiedPeer, so only
 * trust/ can make one.
 */
const DOORS = new Set(["backend", "compile", "gateway", "trust"]);
/**
 * Folders (`emit/`) and files of a room in the order in which they may import each other: each imports itself and those
 * below it, types too. Every file and folder of the room must be in its list.
 */
const ORDER: Readonly<Record<string, readonly string[]>> = {
  compile: [
    "index.ts",
    "cluster.ts",
    "compile.ts",
    "report/",
    "emit/",
    "status/",
    "model.ts",
    "ancestors/",
    "routes/",
    "gateways/",
    "filters/",
    "backends/",
    "policies/",
    "references/",
    "load/",
    "schema/",
    "document/",
    "memory/",
    "clock.ts",
    "kubernetes/",
    "digest.ts",
    "diagnostics/",
  ],
  backend: [
    "index.ts",
    "serve-client.ts",
    "backends.ts",
    "send/",
    "pool/",
    "connect/",
    "engine/",
    "events.ts",
    "framing.ts",
    "exchange.ts",
    "failure.ts",
    "runtime.ts",
    "request-signal.ts",
    "limits.ts",
    "random.ts",
    "after-microtasks.ts",
  ],
  gateway: [
    "index.ts",
    "gateway.ts",
    "accept.ts",
    "forward.ts",
    "filters/",
    "deadline.ts",
    "access-log.ts",
    "answer.ts",
    "headers.ts",
    "failures.ts",
    "failure-table/",
    "front.ts",
    "match/",
  ],
  bundle: [
    "codec.ts",
    "check.ts",
    "value-checks.ts",
    "references.ts",
    "capabilities.ts",
    "publication.ts",
    "secrets.ts",
    "sealing.ts",
    "read-lines.ts",
    "shared-section.ts",
    "layout.ts",
    "canonical.ts",
    "refusal.ts",
    "bytes.ts",
    "types.ts",
  ],
  trust: [
    "index.ts",
    "verifier.ts",
    "search.ts",
    "validate.ts",
    "path-revocation.ts",
    "policy.ts",
    "anchors.ts",
    "possession.ts",
    "presented-octets.ts",
    "refusal-text.ts",
    "cache.ts",
    "witness.ts",
    "revocation/",
    "path/",
    "signatures/",
    "checks/",
    "verdict.ts",
    "x509/",
    "budget.ts",
  ],
};
/**
 * Rooms in which a name is declared in one file only, so that it means one thing. Folders of host/ are apart: each is a
 * host of its own, and no process loads two.
 */
const ONE_MEANING = new Set([
  "compile",
  "bundle",
  "trust",
  "gateway",
  "controller",
  "cli",
  "backend",
  "host/node",
  "host/cloudflare",
]);
/** Rooms that run on Web APIs alone: no `node:` or `cloudflare:` module. */
const WEB_ONLY = new Set(["bundle", "trust", "backend", "gateway"]);
/** Packages the worker's rooms must not carry: they need Node, or are too large for a worker. */
const CLI_ONLY_PACKAGES = ["@peculiar/x509", "yaml", "wrangler", "reflect-metadata"];

/** Every breach in one file, as `file: what and why`. `file` is absolute; the file need not exist. */
export function breaches(file: string, text: string): string[] {
  const name = relative(src, file);
  const [room = ""] = name.split("/");
  const allowed = ALLOWED[room];
  if (allowed === undefined) return [`src/${name}: ${room}/ is no room of the table in scripts/rooms.ts`];
  const found: string[] = [];
  for (const [, specifier = ""] of text.matchAll(/(?:from|import)\s*\(?\s*["']([^"']+)["']/g)) {
    if (specifier.startsWith(".")) {
      const target = relative(src, resolve(dirname(file), specifier));
      const [targetRoom = ""] = target.split("/");
      if (target.startsWith("..")) {
        if (WEB_ONLY.has(room)) found.push(`src/${name}: imports ${specifier}, outside src/`);
      } else if (targetRoom === room) {
        found.push(...breachesOfOrder(room, name, target));
      } else if (!allowed.includes(targetRoom)) {
        found.push(`src/${name}: ${room}/ must not import ${targetRoom}/ (${specifier})`);
      } else if (DOORS.has(targetRoom) && target !== `${targetRoom}/index.ts`) {
        found.push(`src/${name}: imports ${target}; other rooms use ${targetRoom}/index.ts`);
      }
    } else if (WEB_ONLY.has(room) && /^(node|cloudflare):/.test(specifier)) {
      found.push(`src/${name}: ${room}/ is Web-only and must not import ${specifier}`);
    } else if (room !== "cli" && room !== "compile" && room !== "controller" && CLI_ONLY_PACKAGES.includes(specifier)) {
      found.push(`src/${name}: ${specifier} stays out of what hosts load`);
    }
  }
  return found;
}

/** Breaches of the room's order by one import. `name` and `target` are paths below src/. */
function breachesOfOrder(room: string, name: string, target: string): string[] {
  const order = ORDER[room];
  if (order === undefined) return [];
  const [from, to] = [name, target].map((path) => {
    const [, first = "", ...rest] = path.split("/");
    return rest.length > 0 ? `${first}/` : first;
  }) as [string, string];
  const missing = [from, to].filter((place) => !order.includes(place));
  if (missing.length > 0)
    return missing.map((place) => `src/${name}: ${room}/${place} is not in ORDER of scripts/rooms.ts`);
  if (order.indexOf(from) <= order.indexOf(to)) return [];
  return [`src/${name}: imports ${target}, which stands above it in ORDER of scripts/rooms.ts`];
}

/** Names that several files of one of `rooms` (or `room/folder`) declare at their top level, exported or not. `files`: path below src/ → text. */
export function repeatedNames(files: ReadonlyMap<string, string>, rooms: ReadonlySet<string> = ONE_MEANING): string[] {
  const declared = new Map<string, string[]>();
  const declaration =
    /^(?:export )?(?:declare )?(?:abstract )?(?:async )?(?:function\*?|const|let|class|interface|type|enum) (\w+)/gm;
  for (const [file, text] of files) {
    const room = [...rooms].find((each) => file.startsWith(`${each}/`));
    if (room === undefined) continue;
    // Overloads repeat a name in one file.
    for (const name of new Set([...text.matchAll(declaration)].map(([, found]) => found))) {
      const key = `${room}/ ${name}`;
      declared.set(key, [...(declared.get(key) ?? []), `src/${file}`]);
    }
  }
  return [...declared]
    .filter(([, places]) => places.length > 1)
    .map(([key, places]) => `${key} is declared in ${places.join(" and ")}; one name has one meaning in a room`);
}

function sources(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => join(entry.parentPath, entry.name));
}

if (process.argv[1] === import.meta.filename) {
  const files = new Map(sources(src).map((file) => [relative(src, file), readFileSync(file, "utf8")]));
  const found = [...[...files].flatMap(([file, text]) => breaches(join(src, file), text)), ...repeatedNames(files)];
  for (const line of found) console.error(line);
  if (found.length > 0) process.exit(1);
}
