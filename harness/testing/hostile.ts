// SPDX-License-Identifier: Apache-2.0
// Bytes that no peer sends, for the tests of listeners: the same for the same seed.
import { mutate } from "./mutate.ts";

/** Numbers in [0, 1): xorshift. */
export function randomNumbers(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Every second one is noise of up to 400 bytes, the others are good messages that were damaged in up to 4 places. */
export function hostileBytes(good: readonly Buffer[], random: () => number): Buffer {
  if (good.length === 0 || random() < 0.5)
    return Buffer.from(Array.from({ length: Math.floor(random() * 400) }, () => Math.floor(random() * 256)));
  let bytes = good[Math.floor(random() * good.length)] ?? Buffer.alloc(0);
  for (let n = Math.ceil(random() * 4); n > 0; n--) bytes = mutate(bytes, random);
  return bytes;
}
