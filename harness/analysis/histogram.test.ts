// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { bucketLowUs, Histogram } from "./histogram.ts";

test("buckets follow each other without gaps, and grow by less than 3.2 %", (t) => {
  for (let bucket = 64; bucket < 600; bucket++) {
    const [low, next] = [bucketLowUs(bucket), bucketLowUs(bucket + 1)];
    t.true(next > low && (next - low) / low <= 1 / 32, `${bucket}`);
  }
  t.is(bucketLowUs(63), 63);
  t.is(bucketLowUs(64), 64);
  t.is(bucketLowUs(96), 128);
});

test("percentiles are found over several samples", (t) => {
  const histogram = new Histogram()
    .add([[10, 98]])
    .add([[50, 1]])
    .add([[96, 1]]);
  t.deepEqual(histogram.percentilesMs(), { p50: 0.01, p99: 0.05, p999: 0.1295, max: 0.1295 });
  t.is(new Histogram().percentilesMs(), null);
});
