/** Random numbers for choices and jitter, not for secrets. A call of the runtime for each would cost more than the choice. */

/** A generator of numbers in [0, 1) by xorshift32, with a seed from the runtime. */
export function createRandom(fill: (bytes: Uint8Array<ArrayBuffer>) => void): () => number {
  const seed = new Uint32Array(1);
  fill(new Uint8Array(seed.buffer));
  let state = (seed[0] ?? 0) || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 0x1_0000_0000;
  };
}
