/** Problems of filters, one constructor for each. */
import { type FieldPath, type Problem, show } from "../diagnostics/diagnostics.ts";

/** A value of a filter that lasthop does not support. */
export const unsupportedFilterValue = (path: FieldPath, message: string, expected: string, found: string): Problem => ({
  code: "route-feature-unsupported",
  path,
  message,
  expected,
  found: show(found),
  remedy: `write ${expected}`,
});

/**
 * A custom filter of a route: "If a reference to a custom filter type cannot be resolved, the filter MUST NOT be skipped."
 */
export const customFilter = (path: FieldPath, ref: { readonly group: string; readonly kind: string }): Problem => ({
  code: "route-feature-unsupported",
  path,
  message: "lasthop has no filters of its own, so it answers 500 rather than skipping this one",
  expected: "a filter of the Gateway API",
  found: `${ref.group}/${ref.kind}`,
  remedy: "remove the filter",
});

/**
 * A header with two actions of one filter: "Filters specifying multiple actions of the same or different type for any one
 * header name are invalid."
 */
export const conflictingActions = (path: FieldPath, header: string): Problem => ({
  code: "route-feature-unsupported",
  path,
  message: "only one action for a given header name is permitted",
  expected: "each name in one of set, add and remove",
  found: show(header),
  remedy: "keep one of the actions",
});

/** A header that a filter cannot name: the gateway writes it itself. */
export const framingHeader = (path: FieldPath, header: string): Problem => ({
  code: "route-feature-unsupported",
  path,
  message: "the gateway alone writes this field",
  expected: "a field that no hop needs for itself",
  found: show(header),
  remedy: header.toLowerCase() === "host" ? "use URLRewrite with hostname" : "remove it",
});

/** A name that no header can have (RFC 9110 §5.6.2). */
export const invalidHeader = (path: FieldPath, header: string): Problem => ({
  code: "route-feature-unsupported",
  path,
  message: "is no name of a header field",
  expected: "a token",
  found: show(header),
  remedy: "remove it",
});

/** A header or query parameter that an earlier entry of the list names already. */
export const repeatedName = (path: FieldPath, name: string): Problem => ({
  severity: "warning",
  code: "route-header-repeated",
  path,
  message: "an earlier entry has this name, and only the first counts",
  expected: "each name once",
  found: show(name),
  remedy: "remove one of the entries",
});
