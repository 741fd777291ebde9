/** The CustomResourceDefinitions of watched kinds, and whether the cluster still has them. */
import { ApiError, type KubeApi, type KubeObject } from "./api.ts";
import type { Resource } from "./resources.ts";

/**
 * One message for each of `resources` whose CustomResourceDefinition is deleted or being deleted. The API server then
 * deletes the objects of that kind one by one, which is no change that their authors want: a Service whose policy is
 * deleted so would get plaintext. The controller therefore publishes nothing until the definition is back.
 */
export async function missingDefinitions(api: KubeApi, resources: ReadonlySet<Resource>): Promise<string[]> {
  const missing: string[] = [];
  for (const { name, group } of resources) {
    const definition = `${name}.${group}`;
    const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${definition}`;
    try {
      const { metadata } = (await api.get(path)) as KubeObject;
      if (metadata.deletionTimestamp === undefined) continue;
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
    }
    missing.push(`CustomResourceDefinition ${definition} is gone: what is published keeps serving until it is back`);
  }
  return missing;
}
