/** RequestMirror: copies go to their backends, and never delay or break the request itself. */
import { expect, test } from "vitest";
import type { BundleFilter } from "../../src/bundle/types.ts";
import { fanOut, MAX_MIRRORS, MIRROR_WINDOW_BYTES } from "../../src/gateway/filters/mirror.ts";
import { bodyOf } from "../backend/fixtures/last-hop.ts";
import { plain } from "../backend/fixtures/servers.ts";
import { backend, gatewayOf, MAIN } from "./through.ts";

const ONE = "test/one:80";
const TWO = "test/two:80";
const mirror = (id: string, numerator = 100): BundleFilter => ({
  kind: "mirror",
  target: { backend: id },
  numerator,
  denominator: 100,
});

test("several mirrors get the whole request, as modified by the filters before each", async () => {
  const [main, one, two] = await Promise.all([backend(), backend(), backend()]);
  const { ask, mirrored, log } = gatewayOf({
    ports: { [MAIN]: main.port, [ONE]: one.port, [TWO]: two.port },
    filters: [
      mirror(ONE),
      { kind: "request-headers", edit: { set: [["x-edited", "yes"]], add: [], remove: [] } },
      mirror(TWO),
    ],
  });
  expect(await ask({ method: "POST", target: "/a?b", body: bodyOf("he", "llo") })).toMatchObject({
    status: 200,
    text: "ok",
  });
  await mirrored();
  for (const { received } of [main, one, two])
    expect(received).toMatchObject([{ method: "POST", url: "/a?b", body: "hello" }]);
  expect([one, two].map(({ received }) => received[0]?.headers["x-edited"])).toEqual([undefined, "yes"]);
  expect(log).toHaveLength(1);
});

test("a fraction of the requests is mirrored, each by a random number of its own", async () => {
  const [main, one] = await Promise.all([backend(), backend()]);
  // The first random number of a request chooses its backendRef.
  const points = [0, 0.24, 0, 0.25, 0, 0.99, 0, 0];
  const { ask, mirrored } = gatewayOf({
    ports: { [MAIN]: main.port, [ONE]: one.port },
    filters: [mirror(ONE, 25)],
    points,
  });
  for (const target of ["/1", "/2", "/3", "/4"]) await ask({ target });
  await mirrored();
  expect(main.received).toHaveLength(4);
  expect(one.received.map(({ url }) => url).sort()).toEqual(["/1", "/4"]);
});

test("a fraction of 0 mirrors nothing", async () => {
  const [main, one] = await Promise.all([backend(), backend()]);
  const { ask, mirrored } = gatewayOf({ ports: { [MAIN]: main.port, [ONE]: one.port }, filters: [mirror(ONE, 0)] });
  await ask();
  await mirrored();
  expect(one.received).toEqual([]);
});

test("a refused mirror sends nothing, and has an access record of its own", async () => {
  const main = await backend();
  const { ask, mirrored, log } = gatewayOf({
    ports: { [MAIN]: main.port },
    filters: [{ kind: "mirror", target: { refused: "backend-ref-not-permitted" }, numerator: 1, denominator: 1 }],
  });
  expect(await ask({ method: "POST", body: bodyOf("hello") })).toMatchObject({ status: 200, text: "ok" });
  await mirrored();
  expect(main.received).toMatchObject([{ body: "hello" }]);
  expect(log.map(({ mirror: of, code, status }) => [of, code, status])).toContainEqual([
    true,
    "backend-ref-not-permitted",
    500,
  ]);
  expect(log.filter((record) => !record.mirror)).toMatchObject([{ code: null, status: 200 }]);
});

test.each([
  ["refuses the connection", null, "connection-refused"],
  ["breaks off", (_: unknown, response: { destroy(): void }) => response.destroy(), "connection-terminated"],
] as const)("a mirror that %s is of no interest to the client", async (_, answer, code) => {
  const main = await backend();
  const one = answer === null ? null : await backend(answer);
  // No process listens on port 1 of loopback.
  const { ask, mirrored, log } = gatewayOf({
    ports: { [MAIN]: main.port, [ONE]: one?.port ?? 1 },
    filters: [mirror(ONE)],
  });
  expect(await ask({ method: "POST", body: bodyOf("hello") })).toMatchObject({ status: 200, text: "ok" });
  await mirrored();
  expect(log.filter((record) => record.mirror)).toMatchObject([{ code, backend: ONE }]);
});

test("a mirror that answers an error is no failure", async () => {
  const main = await backend();
  const one = await backend((_, response) => response.writeHead(500).end("broken"));
  const { ask, mirrored, log } = gatewayOf({ ports: { [MAIN]: main.port, [ONE]: one.port }, filters: [mirror(ONE)] });
  expect(await ask()).toMatchObject({ status: 200, text: "ok" });
  await mirrored();
  expect(log).toHaveLength(1);
});

test("the response does not wait for a mirror that sends none", async () => {
  const main = await backend();
  const answers: (() => void)[] = [];
  const one = await backend((_, response) => void answers.push(() => response.end()));
  const { ask, mirrored } = gatewayOf({ ports: { [MAIN]: main.port, [ONE]: one.port }, filters: [mirror(ONE)] });
  expect(await ask()).toMatchObject({ status: 200, text: "ok" });
  await expect.poll(() => answers.length).toBe(1);
  answers[0]?.();
  await mirrored();
});

test("copies to a backend that never answers are bounded, and delay no request", async () => {
  const main = await backend();
  const silent = await plain(() => undefined);
  const { ask, log } = gatewayOf({
    ports: { [MAIN]: main.port, [ONE]: silent.port },
    filters: [mirror(ONE)],
    responseMs: 60_000,
  });
  for (let count = 0; count < MAX_MIRRORS + 3; count += 1) expect((await ask()).status).toBe(200);
  const mirrors = log.filter((record) => record.mirror);
  expect(mirrors.map(({ code }) => code)).toEqual(Array(3).fill("connection-limit"));
  await expect.poll(() => silent.requests.length).toBe(MAX_MIRRORS);
});

const sized = (bytes: number): ReadableStream<Uint8Array> => {
  let remaining = bytes;
  return new ReadableStream({
    pull(controller) {
      controller.enqueue(new Uint8Array(16_384).fill(97));
      if ((remaining -= 16_384) === 0) controller.close();
    },
  });
};

test("a mirror that does not read delays no upload", async () => {
  // More than the window and the buffers of both sockets hold.
  const size = 256 * MIRROR_WINDOW_BYTES;
  const main = await backend();
  const deaf = await plain((request) => void request.pause());
  const { ask, mirrored, log } = gatewayOf({
    ports: { [MAIN]: main.port, [ONE]: deaf.port },
    filters: [mirror(ONE)],
    responseMs: 30_000,
  });
  expect(await ask({ method: "POST", body: sized(size) })).toMatchObject({ status: 200, text: "ok" });
  expect(
    log.filter((record) => record.mirror),
    "the mirror goes on",
  ).toEqual([]);
  expect(main.received[0]?.body).toHaveLength(size);
  for (const socket of deaf.sockets) socket.destroy();
  await mirrored();
  expect(log.filter((record) => record.mirror)).toMatchObject([{ code: "connection-terminated" }]);
});

test("a copy that is read too late ends with an error, another one is complete", async () => {
  const size = 4 * MIRROR_WINDOW_BYTES;
  const { main, copies } = fanOut(sized(size), 2);
  const [late, prompt] = copies;
  const [whole, copied] = await Promise.all([main, prompt].map((body) => new Response(body).text()));
  expect([whole?.length, copied?.length]).toEqual([size, size]);
  await expect(new Response(late).text()).rejects.toThrow("slower than its window");
});
