/** The form of statuses, for objects of every kind. */
import type { ObjectRef, SourceObject } from "../diagnostics/diagnostics.ts";
import { field } from "../kubernetes/kinds.ts";

/** The `status` of one object, with what identifies the object. */
export interface ObjectStatus {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly generation?: number };
  readonly status: object;
}

/** Builds the status of an object. */
export function statusOf(object: SourceObject, status: object): ObjectStatus {
  const { apiVersion, kind, namespace, name }: ObjectRef = object.ref;
  const generation = generationOf(object);
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      ...(namespace === null ? {} : { namespace }),
      ...(generation === undefined ? {} : { generation }),
    },
    status,
  };
}

/** `metadata.generation` of an object; undefined when it has none. */
export function generationOf(object: SourceObject): number | undefined {
  const generation = field(field(object.value, "metadata"), "generation");
  return typeof generation === "number" ? generation : undefined;
}
