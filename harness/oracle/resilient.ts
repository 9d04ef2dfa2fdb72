// SPDX-License-Identifier: Apache-2.0
/**
 * Buckets of a resilient next-hop group after its members became `active`, with every bucket in use: bucket -> index. Buckets
 * of members that stay are kept; free ones go to the members that have too few, the last in the list first. Without
 * `before` all buckets are free.
 */
export function resilientBuckets(
  active: readonly number[],
  buckets: number,
  weight: (index: number) => number,
  before: Int32Array | null,
): Int32Array {
  const ordered = [...active].sort((a, b) => a - b);
  const member = new Set(ordered);
  const table = new Int32Array(buckets).map((_, i) => {
    const owner = before?.[i] ?? -1;
    return member.has(owner) ? owner : -1;
  });
  const lacking = wanted(ordered, buckets, weight).map(({ index, wants }) => ({
    index,
    lacks: wants - table.reduce((n, owner) => n + (owner === index ? 1 : 0), 0),
  }));
  const queue = lacking.filter(({ lacks }) => lacks > 0).reverse();
  for (let i = 0; i < buckets; i++) {
    const [first] = queue;
    if (table[i] !== -1 || !first) continue;
    table[i] = first.index;
    if (--first.lacks === 0) queue.shift();
  }
  return table;
}

function wanted(ordered: readonly number[], buckets: number, weight: (index: number) => number) {
  const total = ordered.reduce((sum, index) => sum + weight(index), 0);
  let [sum, from] = [0, 0];
  return ordered.map((index) => {
    sum += weight(index);
    const to = Math.floor((buckets * sum + Math.floor(total / 2)) / total);
    const wants = to - from;
    from = to;
    return { index, wants };
  });
}
