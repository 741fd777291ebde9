/** The filters RequestHeaderModifier and ResponseHeaderModifier. */
import type { HeaderList } from "../../backend/index.ts";
import type { HeaderEdit } from "../../bundle/types.ts";

/** The fields after an edit (`HTTPHeaderFilter`): `set` overwrites, `add` appends, `remove` drops. Names are lower case. */
export function editHeaders(headers: HeaderList, { set, add, remove }: HeaderEdit): HeaderList {
  const dropped = new Set([...set.map(([name]) => name), ...remove]);
  return [...headers.filter(([name]) => !dropped.has(name)), ...set, ...add.filter(([name]) => !remove.includes(name))];
}
