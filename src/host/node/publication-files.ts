/** The files of a publication (src/bundle/publication.ts) in its directory: reads of pointers and bundles, writes of acknowledgements. */
import { randomBytes } from "node:crypto";
import { mkdir, realpath, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { hex } from "../../bundle/bytes.ts";
import {
  acknowledgementKey,
  type Acknowledgement,
  bundleKey,
  decodePointer,
  gatewayOf,
  type Pointer,
  pointerKey,
  type Published,
  secretsKey,
} from "../../bundle/publication.ts";
import { BundleError } from "../../bundle/refusal.ts";
import { decodeSecrets, NO_SECRETS, type Secrets } from "../../bundle/secrets.ts";
import { isAbsent, keysUnder } from "./publication-keys.ts";
import { demandInside, readRegularFile } from "./regular-file.ts";

const POINTER_REMEDY =
  "its Gateway stays as it is until lasthop controller writes the file anew, as it does when it starts, or until it is removed";

/** The texts of one release. */
interface ReleaseTexts {
  readonly text: string;
  readonly secrets: Secrets;
}

/** The files in one directory. `say` gets a line for each pointer that becomes unreadable. */
export class PublicationFiles {
  readonly #directory: string;
  /** The real path of the directory. */
  readonly #root: string;
  readonly #sha256: (bytes: Uint8Array) => Uint8Array;
  readonly #say: (line: string) => void;
  /** Reasons by path, of the pointers that could not be read at the last look. */
  #faults: ReadonlyMap<string, string> = new Map();

  private constructor(root: string, { directory, sha256, say }: PublicationFilesOptions) {
    this.#directory = directory;
    this.#root = root;
    this.#sha256 = sha256;
    this.#say = say;
  }

  /** Opens the directory, and makes it when it is missing. */
  static async open(options: PublicationFilesOptions): Promise<PublicationFiles> {
    await mkdir(join(options.directory, "gateways"), { recursive: true });
    return new PublicationFiles(await realpath(options.directory), options);
  }

  /** The pointers by Gateway; null for a pointer that exists and cannot be read. `served` are Gateways served so far. */
  async readPointers(served: Iterable<string>): Promise<Map<string, Pointer | null>> {
    const pointers = new Map<string, Pointer | null>();
    const faults = new Map<string, string>();
    for (const key of await keysUnder(this.#directory, "gateways", faults)) {
      const gateway = gatewayOf(key);
      if (gateway === null) continue;
      try {
        const pointer = decodePointer(await this.#read(key));
        if (pointer.gateway !== gateway)
          throw new BundleError("wrong-type", "gateway", `it names ${pointer.gateway}`, "pointer");
        pointers.set(gateway, pointer);
      } catch (error) {
        // A pointer that was removed meanwhile withdraws its Gateway.
        if (isAbsent(error)) continue;
        pointers.set(gateway, null);
        faults.set(join(this.#directory, key), messageOf(error));
      }
    }
    // A folder that cannot be read does not withdraw the Gateways whose pointers are in it.
    for (const gateway of served) {
      const path = join(this.#directory, pointerKey(gateway));
      if ([...faults.keys()].some((fault) => path.startsWith(`${fault}/`))) pointers.set(gateway, null);
    }
    for (const [path, why] of faults)
      if (this.#faults.get(path) !== why) this.#say(`${path}: ${why}; ${POINTER_REMEDY}`);
    this.#faults = faults;
    return pointers;
  }

  /** The texts of a release. Rejects when the secrets have another digest; that of the bundle is compared when it loads. */
  async readRelease(published: Published): Promise<ReleaseTexts> {
    const text = await this.#read(bundleKey(published.bundle));
    if (published.secrets === null) return { text, secrets: NO_SECRETS };
    const key = secretsKey(published.secrets);
    const secrets = await this.#read(key, true);
    const found = hex(this.#sha256(new TextEncoder().encode(secrets)));
    if (found !== published.secrets) throw digestMismatch(key, found);
    return { text, secrets: decodeSecrets(secrets) };
  }

  /** Writes what a Gateway serves, unless the file says so already. */
  async acknowledge(acknowledgement: Acknowledgement): Promise<void> {
    const key = acknowledgementKey(acknowledgement.gateway);
    const path = join(this.#directory, key);
    const text = `${JSON.stringify(acknowledgement)}\n`;
    if ((await this.#read(key).catch(() => null)) === text) return;
    await mkdir(dirname(path), { recursive: true });
    await demandInside(dirname(path), this.#root);
    const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
    try {
      await writeFile(temporary, text, { flag: "wx" });
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  #read(key: string, isSecret = false): Promise<string> {
    return readRegularFile(join(this.#directory, key), { within: this.#root, isSecret });
  }
}

interface PublicationFilesOptions {
  readonly directory: string;
  readonly sha256: (bytes: Uint8Array) => Uint8Array;
  readonly say: (line: string) => void;
}

/** The refusal of a file whose content has another digest than its name. */
export const digestMismatch = (key: string, digest: string): BundleError =>
  new BundleError("digest-mismatch", "", `${key} holds what has the digest ${digest}`);

/** The message of whatever was thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
