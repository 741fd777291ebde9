/** Publication to a directory: which files are kept, and which are removed. */
import { readdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { bundleKey, pointerKey } from "../../src/bundle/publication.ts";
import { directoryPublisher } from "../../src/controller/directory.ts";
import type { Publication } from "../../src/controller/publisher.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const LEADING = new AbortController().signal;
let directory: string;
beforeEach(async () => void (directory = await temporaryDirectory()));

const digest = (digit: string): string => digit.repeat(64);
const publicationOf = (gateway: string, digit: string): Publication => ({
  gateway,
  bundle: { digest: digest(digit), text: `bundle ${digit}` },
  secrets: null,
  addresses: [],
});
/** Makes a bundle's file old. */
const age = (digit: string): Promise<void> => utimes(join(directory, bundleKey(digest(digit))), 0, 0);
const bundles = async (): Promise<string[]> =>
  (await readdir(join(directory, "bundles"))).map((name) => name.charAt(0));

describe("a directory", () => {
  it("removes an old bundle that no pointer names", async () => {
    const publisher = directoryPublisher(directory);
    for (const digit of ["a", "b", "c"])
      await publisher.publish(publicationOf("shop/edge", digit), await publisher.pointers(), LEADING);
    for (const digit of ["a", "b"]) await age(digit);
    await publisher.publish(publicationOf("shop/other", "d"), await publisher.pointers(), LEADING);
    expect(await bundles(), "b is the previous one").toEqual(["b", "c", "d"]);
  });

  it("removes nothing while a pointer cannot be read, as it may name any bundle", async () => {
    const publisher = directoryPublisher(directory);
    await publisher.publish(publicationOf("shop/edge", "a"), await publisher.pointers(), LEADING);
    await age("a");
    const broken = join(directory, pointerKey("shop/edge"));
    await writeFile(broken, "{");
    await publisher.publish(publicationOf("shop/other", "b"), await publisher.pointers(), LEADING);
    expect(await bundles()).toEqual(["a", "b"]);
    // The Gateway of the unreadable pointer is known from its path, so the pointer can be replaced or withdrawn.
    expect([...(await publisher.pointers())]).toEqual([
      ["shop/edge", null],
      ["shop/other", expect.anything()],
    ]);
    await publisher.withdraw("shop/edge");
    await publisher.publish(publicationOf("shop/other", "c"), await publisher.pointers(), LEADING);
    expect(await bundles()).toEqual(["b", "c"]);
  });

  it("finds the Gateway of a pointer, however long its name", async () => {
    const publisher = directoryPublisher(directory);
    const long = `${"n".repeat(63)}/${"g".repeat(253)}`;
    await publisher.publish(publicationOf(long, "a"), new Map(), LEADING);
    expect([...(await publisher.pointers()).keys()]).toEqual([long]);
  });
});
