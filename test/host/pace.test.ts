/** The pace of a request on a clock that the test moves: how long a client is waited for, in each direction by itself. */
import { describe, expect, it } from "vitest";
import { FRONT_LIMITS } from "../../src/host/node/limits.ts";
import { Paces } from "../../src/host/node/pace.ts";

const { paceMs, paceBytesPerMs } = FRONT_LIMITS;
const CLIENT = { front: { clientAddress: null, scheme: "http", port: 80, sni: null } } as const;

describe("a pace", () => {
  /** The pace of one request, on a clock that the test moves, and that is swept each second. */
  function paced() {
    let nowMs = 5;
    const paces = new Paces(FRONT_LIMITS, () => nowMs);
    const its = { cut: 0 };
    const pace = paces.begin(CLIENT, () => its.cut++);
    const { upload, download } = pace;
    const pass = (ms: number): void => {
      for (let left = ms; left > 0; left -= 1_000) {
        nowMs += Math.min(left, 1_000);
        paces.sweep();
      }
    };
    return { upload, download, pace, its, pass, paces };
  }

  it("cuts an upload by the byte, once, when its time is over", () => {
    const { upload, its, pass } = paced();
    for (let passedMs = 0; passedMs < paceMs; passedMs += 4_000) {
      expect(its.cut).toBe(0);
      upload.waitBegan(0);
      pass(4_000);
      upload.waitEnded(1);
    }
    upload.waitBegan(0);
    pass(1_000);
    expect(its.cut).toBe(1);
    pass(60_000);
    expect(its.cut).toBe(1);
  });

  it("gives an upload its time again when it keeps the rate", () => {
    const { upload, its, pass } = paced();
    for (let count = 0; count < 30; count++) {
      upload.waitBegan(0);
      pass(10_000);
      upload.waitEnded(10_000 * paceBytesPerMs);
    }
    expect(its.cut).toBe(0);
  });

  it("does not count the time that the backend is waited for", () => {
    const { upload, download, its, pass } = paced();
    for (let count = 0; count < 30; count++) {
      upload.waitBegan(0);
      pass(500);
      upload.waitEnded(1);
      download.waitBegan(1);
      pass(5);
      download.waitEnded(0);
      pass(60_000);
    }
    expect([its.cut, upload.stalledSinceMs, download.stalledSinceMs]).toEqual([0, null, null]);
  });

  it("never cuts an answer of tiny pieces that are taken at once, nor says that it stalls", () => {
    const { download, its, pass, paces } = paced();
    for (let count = 0; count < 50_000; count++) {
      const left = download.pieceWritten();
      download.waitBegan(1);
      pass(3);
      left();
      download.waitEnded(0);
      pass(997);
    }
    download.waitBegan(1);
    pass(1_000);
    expect(download.stalledSinceMs).toBe(50_000_000 + 5);
    paces.sweep();
    expect(its.cut).toBe(0);
  });

  it("cuts a client that takes nothing though the backend goes on, and not before its time", () => {
    const { download, its, pass } = paced();
    download.waitBegan(16_000);
    pass(paceMs + 16_000 / paceBytesPerMs);
    expect(its.cut).toBe(0);
    pass(1_000);
    expect(its.cut).toBe(1);
  });

  it.each([
    ["upload", "download"],
    ["download", "upload"],
  ] as const)("judges an %s that stands still though the %s of the same request moves", (still, moving) => {
    const { its, pass, ...directions } = paced();
    directions[still].waitBegan(0);
    for (let count = 0; count <= paceMs / 1_000; count++) {
      expect(its.cut).toBe(0);
      directions[moving].waitBegan(0);
      pass(1_000);
      directions[moving].waitEnded(64_000);
    }
    expect(its.cut).toBe(1);
  });

  it("says since when the client keeps its request from going on, in either direction", () => {
    let nowMs = 100;
    const pace = new Paces(FRONT_LIMITS, () => nowMs).begin(CLIENT, () => undefined);
    expect(pace.stalledSinceMs).toBe(null);
    const [first, second] = [pace.download.pieceWritten(), pace.download.pieceWritten()];
    nowMs = 200;
    expect(pace.stalledSinceMs).toBe(100);
    first();
    expect(pace.stalledSinceMs).toBe(200);
    pace.upload.waitBegan(0);
    second();
    nowMs = 300;
    pace.download.waitBegan(1);
    expect(pace.stalledSinceMs).toBe(200);
    pace.upload.waitEnded(1);
    pace.download.waitEnded(0);
    expect(pace.stalledSinceMs).toBe(null);
    nowMs = 400;
    pace.upload.waitBegan(0);
    // The waits count as one without a pause, of which 100 ms were before.
    expect(pace.stalledSinceMs).toBe(300);
  });
});
