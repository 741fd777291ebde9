/** `lasthop serve` as an operator sees it: its messages, and its exit status. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { encodeBundle } from "../../src/bundle/codec.ts";
import { nodeRuntime } from "../../src/host/node/runtime.ts";
import { bundleOf, EMPTY, matchOf, ruleOf } from "../gateway/bundles.ts";
import { pause } from "../support/pause.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { MAIN, run } from "./command.ts";

let directory: string;
beforeEach(async () => void (directory = await temporaryDirectory()));

describe("lasthop serve DIRECTORY", () => {
  it.each(["--secrets=keys.json", "--address=127.0.0.1"])("refuses %s, which it would ignore", async (option) => {
    const { code, text } = await run(["serve", directory, option]);
    expect(text).toContain("--secrets and --address are for a bundle");
    expect(code).toBe(2);
  });

  it("says that nothing is published yet, and which pointer is broken", async () => {
    const serve = () => run(["serve", directory], { until: /no Gateway is served yet/ });
    expect((await serve()).text).toContain(directory);
    await mkdir(join(directory, "gateways/shop"), { recursive: true });
    await writeFile(join(directory, "gateways/shop/edge.json"), "{");
    const { text } = await serve();
    expect(text).toContain(`${directory}/gateways/shop/edge.json: pointer refused: not-json`);
    expect(text).toContain("until lasthop controller writes the file anew");
  });
});

describe("lasthop serve BUNDLE", () => {
  const rule = ruleOf("shop/site", [matchOf({})]);
  const { text } = encodeBundle(bundleOf([{ hostname: "*", seniority: 0, rule }]), nodeRuntime().sha256);
  const { text: empty } = encodeBundle(EMPTY, nodeRuntime().sha256);

  it.each<[args: readonly string[], code: number, texts: readonly string[]]>([
    [["nowhere.json"], 2, ["nowhere.json", "lasthop build"]],
    [["bundle.json/x"], 2, ["bundle.json/x", "lasthop build"]],
    [["bundle.json", "--secrets=nowhere.keys"], 2, ["nowhere.keys", "--secrets"]],
    [["bundle.json", "--address=nowhere.invalid"], 1, ["nowhere.invalid", "see --address"]],
    [["bundle.json", "--address=192.0.2.1", "--port-map=18080=80"], 1, ["192.0.2.1:18080", "see --address"]],
    [["bundle.json", "--metrics-address=127.0.0.1:65536"], 2, ["127.0.0.1:65536", "is not HOST:PORT"]],
    [["bundle.json", "--drain-timeout=3000000"], 2, ["3000000", "seconds up to 86400"]],
  ])("names the place and the remedy: %j", async (args, code, texts) => {
    await writeFile(join(directory, "bundle.json"), text);
    const ended = await run(["serve", ...args], { cwd: directory });
    expect(ended.code).toBe(code);
    expect(texts.filter((each) => !ended.text.includes(each))).toEqual([]);
    expect(ended.text).not.toContain("bug of lasthop's");
  });

  const BIN = join(import.meta.dirname, "../../bin/lasthop.mjs");
  // The file bin/lasthop.mjs runs the command on the Node.js of the dependencies when the starting one is too old.
  const old = `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.0.0" } })`;
  const commands = {
    "started by this Node.js": [MAIN],
    "started by an older Node.js": [`--import=data:text/javascript,${encodeURIComponent(old)}`, BIN],
  };

  describe.each(Object.entries(commands))("%s", (_, command) => {
    it.each(["SIGTERM", "SIGINT"] as const)("ends with status 0 at a %s during its start", async (signal) => {
      // The bundle is a pipe, so that the test decides how long reading it takes.
      const bundle = join(directory, "bundle.json");
      execFileSync("mkfifo", [bundle]);
      const child = spawn(process.execPath, [...command, "serve", bundle]);
      const ended = once(child, "close");
      const writer = await open(bundle, "w");
      child.kill(signal);
      await pause(100, "The process shows nothing of a signal until it has read the bundle.");
      await writer.writeFile(empty);
      await writer.close();
      expect(await ended).toEqual([0, null]);
    });
  });
});
