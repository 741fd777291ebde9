/** Texts of the objects in a bundle, remembered so that the next bundle joins what has not changed. */
import { type Entries, joinEntries, type TextMaker, TEXT_MAKER } from "../../bundle/layout.ts";
import { sameItems } from "./lists.ts";

/** Entries in one chunk of a long text. */
const CHUNK = 128;

/** {@link TEXT_MAKER} that remembers the text of every object, which must therefore never change. */
export class RememberingTextMaker implements TextMaker {
  readonly #texts = new WeakMap<object, { readonly key: string | undefined; readonly text: string }>();
  readonly #chunks = new WeakMap<object, Entries & { readonly text: string }>();

  readonly entry: TextMaker["entry"] = (value, key) => {
    if (value === null || typeof value !== "object") return TEXT_MAKER.entry(value, key);
    // A concatenated string is kept as a tree of its parts, which every later join would walk: the copy is flat.
    return this.#text(value, key, () => Buffer.from(TEXT_MAKER.entry(value, key)).toString());
  };

  readonly entries: TextMaker["entries"] = (of, list) => this.#text(of, undefined, () => this.#joined(list()));

  /** The text of a long list, joined chunk by chunk: when one entry changes, the texts of the other chunks are kept. */
  #joined({ values, keys }: Entries): string {
    const chunks: string[] = [];
    for (let from = 0; from < values.length; from += CHUNK) {
      const own = { values: values.slice(from, from + CHUNK), keys: keys?.slice(from, from + CHUNK) ?? null };
      const [first] = own.values;
      const holder = first !== null && typeof first === "object" ? first : own;
      let known = this.#chunks.get(holder);
      if (known === undefined || !sameItems(known.values, own.values) || !sameItems(known.keys ?? [], own.keys ?? [])) {
        known = { ...own, text: joinEntries(own, this) };
        this.#chunks.set(holder, known);
      }
      chunks.push(known.text);
    }
    return chunks.join(",\n");
  }

  #text(of: object, key: string | undefined, make: () => string): string {
    const known = this.#texts.get(of);
    if (known !== undefined && known.key === key) return known.text;
    const text = make();
    this.#texts.set(of, { key, text });
    return text;
  }
}
