// SPDX-License-Identifier: Apache-2.0
import { murmur3 } from "./hash.ts";

/**
 * Rendezvous hashing (Thaler and Ravishankar 1998): a key goes to the active target whose hash with it is the highest, so that only the keys of
 * a target that leaves move, n/N of all. No backend here works so; it is the bar for those that keep no state.
 */
export function rendezvousTable(active: readonly number[], keys: number, seed: number): Uint16Array {
  const pair = new Uint32Array(2);
  const bytes = new Uint8Array(pair.buffer);
  return Uint16Array.from({ length: active.length === 0 ? 0 : keys }, (_, key) => {
    let [best, highest] = [0, -1];
    for (const index of active) {
      pair.set([key, index]);
      const score = murmur3(bytes, seed);
      if (score > highest) [best, highest] = [index, score];
    }
    return best;
  });
}
