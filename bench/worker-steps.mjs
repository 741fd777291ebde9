/**
 * A worker without lasthop that does one step: `constant` answers at once, `hop` calls a Durable Object that answers at
 * once, `fetch` forwards to BACKEND with the platform's own fetch, under the one CA of the deployment.
 */
import { DurableObject } from "cloudflare:workers";

export class Pool extends DurableObject {
  fetch() {
    return new Response("constant\n");
  }
}

const STEPS = {
  constant: () => new Response("constant\n"),
  hop: (request, { POOL }) => POOL.getByName("pool").fetch(request),
  fetch(request, { BACKEND }) {
    const { pathname, search } = new URL(request.url);
    return fetch(new Request(BACKEND + pathname + search, request), { redirect: "manual" });
  },
};

export default { fetch: (request, env) => STEPS[env.STEP](request, env) };
