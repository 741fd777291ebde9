/** RequestHeaderModifier and ResponseHeaderModifier. */
import type { HeaderList } from "../../backend/exchange.ts";
import type { HeaderEdit } from "../../bundle/types.ts";

/** `HTTPHeaderFilter`: "set" overwrites, "add" appends to what is there, "remove" drops. Names are in lower case. */
export function editHeaders(headers: HeaderList, { set, add, remove }: HeaderEdit): HeaderList {
  const dropped = new Set([...set.map(([name]) => name), ...remove]);
  return [...headers.filter(([name]) => !dropped.has(name)), ...set, ...add.filter(([name]) => !remove.includes(name))];
}
