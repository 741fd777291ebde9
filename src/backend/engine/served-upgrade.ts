/** The byte stream of a client whose connection was upgraded. */
import type { ByteStream } from "../runtime.ts";
import { ConnectionError } from "./errors.ts";
import { nextOfUpgraded, type StreamedExchange } from "./response-body.ts";

/** The request that was upgraded. */
interface UpgradedRequest extends Pick<StreamedExchange, "take" | "resumeReading" | "changed" | "write"> {
  /** Ends the bytes to the client. */
  endUpgraded(): void;
}

/** The client's side of an upgraded connection. */
export function upgradedClient(request: UpgradedRequest): ByteStream {
  return {
    async read() {
      const taken = await nextOfUpgraded(request);
      return taken.kind === "data" ? taken.bytes : null;
    },
    async write(bytes) {
      if (!(await request.write(bytes)))
        throw new ConnectionError("peer-closed", "the client has left", { sent: "maybe" });
    },
    close: () => request.endUpgraded(),
  };
}
