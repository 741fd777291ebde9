/**
 * The defaults of a JSON Schema, set in a copy of an object. The copy and the object share every part without a default
 * to set.
 */

type Fill = (value: unknown) => unknown;

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
  const known = Object.entries(properties);
  /** Functions that set the defaults inside of each known property; null: the property has none. */
  const inner = new Map(known.map(([name, own]) => [name, defaultsOf(own)]));
  const missing = known.flatMap(([name, own]: [string, unknown]) => {
    const { default: fallback } = own as { readonly default?: unknown };
    return fallback === undefined ? [] : [{ name, fallback: inner.get(name)?.(fallback) ?? fallback }];
  });
  const fillItem = defaultsOf(items);
  const fillOther = defaultsOf(additionalProperties);
  const fillsChildren = fillOther !== null || [...inner.values()].some((fill) => fill !== null);
  if (missing.length === 0 && fillItem === null && !fillsChildren) return null;
  return (value) => {
    if (value === null || typeof value !== "object") return value;
    if (Array.isArray(value)) return fillItem === null ? value : fillItems(value, fillItem);
    const given = value as Readonly<Record<string, unknown>>;
    let filled: Record<string, unknown> | null = null;
    for (const { name, fallback } of missing)
      if (given[name] === undefined) (filled ??= { ...given })[name] = cloned(fallback);
    if (fillsChildren)
      for (const name of Object.keys(given)) {
        const fill = inner.get(name);
        const own = fill === undefined ? fillOther : fill;
        if (own === null) continue;
        const before = given[name];
        const after = own(before);
        if (after !== before) (filled ??= { ...given })[name] = after;
      }
    return filled ?? value;
  };
}

function fillItems(items: readonly unknown[], fill: Fill): readonly unknown[] {
  let filled: unknown[] | null = null;
  for (let index = 0; index < items.length; index++) {
    const before = items[index];
    const after = fill(before);
    if (after !== before) (filled ??= [...items])[index] = after;
  }
  return filled ?? items;
}

const cloned = (value: unknown): unknown =>
  value !== null && typeof value === "object" ? structuredClone(value) : value;
