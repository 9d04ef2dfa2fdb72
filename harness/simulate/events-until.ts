// SPDX-License-Identifier: Apache-2.0

/** So many of them are over by then. */
export function eventsUntil(atUs: readonly number[], us: number): number {
  let [low, high] = [0, atUs.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((atUs[middle] as number) < us) low = middle + 1;
    else high = middle;
  }
  return low;
}
