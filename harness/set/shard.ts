// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";

export interface Shard {
  /** From 1. */
  index: number;
  count: number;
}

/** "2/3"; null: no shard. */
export function readShard(word: unknown): Shard | null {
  const [, index = 0, count = 0] = (String(word).match(/^(\d+)\/(\d+)$/) ?? []).map(Number);
  return index >= 1 && index <= count ? { index, count } : null;
}

export const shardSchema = z.preprocess(
  (word) => (typeof word === "string" ? readShard(word) : word),
  z.object({ index: z.int().min(1), count: z.int().min(1) }),
);

/** Every n-th, so that a case's repeats and a backend's cases go to different shards. */
export function inShard<T>(items: readonly T[], shard: Shard | null): T[] {
  return shard === null ? [...items] : items.filter((_, i) => i % shard.count === shard.index - 1);
}
