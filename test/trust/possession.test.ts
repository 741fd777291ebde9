/** The refusal of an end entity that no handshake was verified with. */
import { expect, it } from "vitest";
import { refuseEndEntity } from "../../src/trust/index.ts";
import { ca, server } from "../support/certificates.ts";
import { bytes } from "../support/der.ts";

const root = ca("root");

it("an end entity that no handshake was verified with is refused for its form, if that is at fault", () => {
  expect(refuseEndEntity(bytes(1, 2, 3))).toMatchObject({ code: "malformed", position: 0 });
  expect(refuseEndEntity(server(root).der)).toMatchObject({ code: "unsupported-algorithm", position: 0 });
});
