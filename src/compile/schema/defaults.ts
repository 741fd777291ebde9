/** The defaults of a JSON Schema. They are set in a copy, which shares with the given value everything that stays the same. */

type Fill = (value: unknown) => unknown;

interface Property {
  readonly name: string;
  readonly fallback: unknown;
  readonly fill: Fill | null;
}

/**
 * A function that sets the defaults of a schema: it gives the value itself when all are set, and else a copy of what contains
 * them. Null: the schema has no defaults. As in ajv, `properties`, `items` and `additionalProperties` may have defaults, and
 * a default may have defaults in it.
 *
 *     const fill = defaultsOf({ properties: { weight: { default: 1 } } });
 *     fill({ name: "app" }); // { name: "app", weight: 1 }
 */
export function defaultsOf(schema: unknown): Fill | null {
  if (schema === null || typeof schema !== "object") return null;
  const { properties = {}, items, additionalProperties } = schema as Readonly<Record<string, object | undefined>>;
  const known = Object.entries(properties).map(([name, own]: [string, unknown]): Property => ({
    name,
    fallback: (own as { readonly default?: unknown }).default,
    fill: defaultsOf(own),
  }));
  const withDefaults = known.filter(({ fallback, fill }) => fallback !== undefined || fill !== null);
  const fillItem = defaultsOf(items);
  const fillOther = defaultsOf(additionalProperties);
  if (withDefaults.length === 0 && fillItem === null && fillOther === null) return null;
  const names = new Set(known.map(({ name }) => name));
  return (value) => {
    if (Array.isArray(value)) return fillItem === null ? value : fillItems(value, fillItem);
    if (value === null || typeof value !== "object") return value;
    const given = value as Readonly<Record<string, unknown>>;
    let filled: Record<string, unknown> | null = null;
    for (const { name, fallback, fill } of withDefaults) {
      const before = given[name];
      const own = before === undefined ? cloned(fallback) : before;
      const after = fill === null || own === undefined ? own : fill(own);
      if (after !== before) (filled ??= { ...given })[name] = after;
    }
    if (fillOther !== null)
      for (const [name, before] of Object.entries(given)) {
        const after = names.has(name) ? before : fillOther(before);
        if (after !== before) (filled ??= { ...given })[name] = after;
      }
    return filled ?? value;
  };
}

function fillItems(items: readonly unknown[], fill: Fill): readonly unknown[] {
  let filled: unknown[] | null = null;
  for (const [index, before] of items.entries()) {
    const after = fill(before);
    if (after !== before) (filled ??= [...items])[index] = after;
  }
  return filled ?? items;
}

const cloned = (value: unknown): unknown =>
  value !== null && typeof value === "object" ? structuredClone(value) : value;
