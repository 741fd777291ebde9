/** YAML for files that people and kubectl read. */
import { stringify } from "yaml";

/**
 * The objects as YAML, one document for each. Kubernetes reads YAML 1.1, in which `yes` and `on` are booleans, so strings like these are
 * quoted. No line is folded, and an object that appears twice is written out twice.
 */
export const toYaml = (objects: readonly object[]): string =>
  objects
    .map((object) =>
      stringify(object, { version: "1.1", lineWidth: 0, aliasDuplicateObjects: false, singleQuote: true }),
    )
    .join("---\n");
