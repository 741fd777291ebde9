/**
 * What a worker without lasthop does, step by step: `constant` answers at once, `hop` asks a Durable Object that does,
 * `fetch` forwards with the platform's own fetch to BACKEND (its CA is the deployment's, one for all).
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
