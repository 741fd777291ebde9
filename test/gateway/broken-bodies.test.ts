/** Bodies of backends that break off, before and after the head of the response has left. */
import type { ServerResponse } from "node:http";
import { expect, test } from "vitest";
import { backend, gatewayOf, MAIN } from "./through.ts";

test.each<[string, string, (response: ServerResponse) => unknown]>([
  ["a backend that breaks off", "response-incomplete", (response) => response.destroy()],
  ["a chunk that is none", "http-protocol-error", (response) => response.socket?.write("x\r\n")],
])("%s in a body leaves its code in the access record", async (_, code, breakBody) => {
  const begun: ServerResponse[] = [];
  const main = await backend((__, response) => {
    response.writeHead(200);
    response.write("half");
    begun.push(response);
  });
  const { open, log } = gatewayOf({ ports: { [MAIN]: main.port } });
  const { status, body } = await open();
  expect(status).toBe(200);
  begun.forEach(breakBody);
  await expect(new Response(body).text()).rejects.toThrow();
  expect(log).toMatchObject([{ status: 200, code }]);
});

test("a body that breaks before its head is sent is answered 502, as the access record says", async () => {
  const main = await backend((__, response) => {
    response.writeHead(200, { "content-length": "100" });
    response.write("half", () => response.destroy());
  });
  const { ask, log } = gatewayOf({ ports: { [MAIN]: main.port } });
  const statuses: number[] = [];
  for (let count = 0; count < 20; count++) {
    // The head may be sent before the break has arrived. The client then sees a body that breaks off.
    statuses.push(
      await ask().then(
        ({ status }) => status,
        () => 200,
      ),
    );
  }
  expect(log.map(({ status }) => status)).toEqual(statuses);
  expect(new Set(log.map(({ code }) => code))).toEqual(new Set(["response-incomplete"]));
  expect(statuses).toContain(502);
});
