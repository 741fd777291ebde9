/** Random numbers for choices and jitter, not for secrets: a host call each would cost more than what they decide. */

/** Numbers in [0, 1) from a seed of the host (xorshift32). */
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
