/**
 * Who may import whom: the one table of the import rule (docs/architecture.md). `.oxlintrc.json` cannot compute, so
 * this script checks every import of src/ against the table. Exit 1 and one line for each breach.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");

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
/** Rooms that run on Web APIs alone: no `node:` or `cloudflare:` module. */
const WEB_ONLY = new Set(["bundle", "trust", "backend", "gateway"]);
/** The only files of trust/ that other rooms may name; only trust/ can make a VerifiedPeer. */
const TRUST_DOOR = "trust/index.ts";
/** Packages the worker's rooms must not carry: they need Node, or are too large for a worker. */
const CLI_ONLY_PACKAGES = ["@peculiar/x509", "yaml", "wrangler", "reflect-metadata"];

function sources(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Every breach in one file, as `file: what and why`. */
export function breaches(file: string, text: string): string[] {
  const src = join(root, "src");
  const name = relative(src, file);
  const room = name.split("/")[0] ?? "";
  const allowed = ALLOWED[room];
  if (allowed === undefined) return [`src/${name}: ${room}/ is no room of the table in scripts/rooms.ts`];
  const found: string[] = [];
  const imports = /(?:from|import)\s*\(?\s*["']([^"']+)["']/g;
  for (const [, specifier = ""] of text.matchAll(imports)) {
    if (specifier.startsWith(".")) {
      const target = relative(src, resolve(dirname(file), specifier));
      const targetRoom = target.split("/")[0] ?? "";
      if (target.startsWith("..")) {
        if (WEB_ONLY.has(room)) found.push(`src/${name}: imports ${specifier}, outside src/`);
        continue;
      }
      if (targetRoom !== room && !allowed.includes(targetRoom)) {
        found.push(`src/${name}: ${room}/ must not import ${targetRoom}/ (${specifier})`);
      }
      if (targetRoom === "trust" && room !== "trust" && target !== TRUST_DOOR) {
        found.push(`src/${name}: imports ${target}; other rooms use ${TRUST_DOOR}`);
      }
    } else if (WEB_ONLY.has(room) && /^(node|cloudflare):/.test(specifier)) {
      found.push(`src/${name}: ${room}/ is Web-only and must not import ${specifier}`);
    } else if (room !== "cli" && room !== "compile" && room !== "controller" && CLI_ONLY_PACKAGES.includes(specifier)) {
      found.push(`src/${name}: ${specifier} stays out of what hosts load`);
    }
  }
  return found;
}

if (process.argv[1] === import.meta.filename) {
  const found = sources(join(root, "src")).flatMap((file) => breaches(file, readFileSync(file, "utf8")));
  for (const line of found) console.error(line);
  if (found.length > 0) process.exit(1);
}
