/** Canonical JSON: one text for each value. */

/**
 * JSON with keys sorted by code unit and without spaces. Fields that are undefined are left out, as JSON.stringify
 * does.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "null";
  let text = "";
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) text += (index === 0 ? "" : ",") + canonicalJson(value[index]);
    return `[${text}]`;
  }
  for (const key of Object.keys(value).sort()) {
    const child = (value as Record<string, unknown>)[key];
    if (child !== undefined) text += `${text === "" ? "" : ","}${JSON.stringify(key)}:${canonicalJson(child)}`;
  }
  return `{${text}}`;
}
