declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}
/** A text, by a rule in wrangler.toml, because the bundle's digest covers the bytes that were built. */
declare module "*/bundle.json" {
  const text: string;
  export default text;
}
/** The parts of ws that frame messages; its types declare only the whole client and server. */
declare module "*/ws/lib/receiver.js" {
  import type { Writable } from "node:stream";
  export default class Receiver extends Writable {
    constructor(options: { binaryType: "arraybuffer"; maxPayload: number });
    /** Text as a Buffer, and not `isBinary`. */
    on(event: "message", listener: (data: ArrayBuffer | Buffer<ArrayBuffer>, isBinary: boolean) => void): this;
    on(event: "ping", listener: (data: Buffer) => void): this;
    on(event: "conclude", listener: (code: number, reason: Buffer) => void): this;
    on(event: "error", listener: (error: Error) => void): this;
  }
}
declare module "*/ws/lib/sender.js" {
  import type { Writable } from "node:stream";
  export default class Sender {
    constructor(socket: Writable);
    send(
      data: ArrayBuffer | string,
      options: { binary: boolean; fin: boolean; mask: boolean; compress: boolean },
    ): void;
    pong(data: Uint8Array, mask: boolean): void;
    close(code: number | undefined, reason: string, mask: boolean, done: () => void): void;
  }
}
