// SPDX-License-Identifier: Apache-2.0
// The HDR histogram of the traffic program: 32 buckets per power of two, values in microseconds.

const LINEAR = 64;

/** Smallest value that falls into this bucket, microseconds. */
export function bucketLowUs(bucket: number): number {
  if (bucket < LINEAR) return bucket;
  const exponent = 6 + Math.floor((bucket - LINEAR) / 32);
  return 2 ** exponent + ((bucket - LINEAR) % 32) * 2 ** (exponent - 5);
}

export class Histogram {
  readonly #counts = new Map<number, number>();
  #total = 0;

  add(sparse: Iterable<readonly [bucket: number, count: number]>): this {
    for (const [bucket, count] of sparse) {
      this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + count);
      this.#total += count;
    }
    return this;
  }

  /** How many values it holds. */
  get total(): number {
    return this.#total;
  }

  /** The value that this share of all is not above, in milliseconds: the middle of its bucket; null when there is no value. */
  quantileMs(share: number): number | null {
    return this.#total === 0
      ? null
      : this.#at(
          [...this.#counts].sort(([a], [b]) => a - b),
          share,
        );
  }

  /** p50, p99, p99.9 and the maximum in milliseconds, each the middle of its bucket; null when there is no sample. */
  percentilesMs(): { p50: number; p99: number; p999: number; max: number } | null {
    if (this.#total === 0) return null;
    const sorted = [...this.#counts].sort(([a], [b]) => a - b);
    const at = (share: number) => this.#at(sorted, share);
    return { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1) };
  }

  #at(sorted: readonly (readonly [bucket: number, count: number])[], share: number): number {
    let left = Math.max(1, Math.ceil(share * this.#total));
    const found =
      sorted.find(([, count]) => {
        left -= count;
        return left <= 0;
      })?.[0] ?? 0;
    return (bucketLowUs(found) + bucketLowUs(found + 1) - 1) / 2000;
  }
}
