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

  /** p50, p99, p99.9 and the maximum in milliseconds, each the middle of its bucket; null when there is no sample. */
  percentilesMs(): { p50: number; p99: number; p999: number; max: number } | null {
    if (this.#total === 0) return null;
    const sorted = [...this.#counts].sort(([a], [b]) => a - b);
    const at = (share: number) => {
      let left = Math.max(1, Math.ceil(share * this.#total));
      const found =
        sorted.find(([, count]) => {
          left -= count;
          return left <= 0;
        })?.[0] ?? 0;
      return (bucketLowUs(found) + bucketLowUs(found + 1) - 1) / 2000;
    };
    return { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1) };
  }
}
