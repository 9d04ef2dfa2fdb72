// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { UsageError } from "../util/errors.ts";
import { mulberry32 } from "../util/random.ts";
import { type Distribution, KNOWN_LIFETIMES } from "./known-lifetimes.ts";
import { KNOWN_SIZES } from "./known-sizes.ts";
import { readLifetimes } from "./lifetimes.ts";
import { drawPlans, livingOf, type OpenWords, planBytes } from "./open.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-open-"));
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));
const fileOf = (name: string, text: string) => {
  const file = path.join(scratch, name);
  writeFileSync(file, text);
  return file;
};

const drawn = (words: string, count = 50_000) => {
  const random = mulberry32(7);
  const lifetimes = readLifetimes(words);
  return Array.from({ length: count }, () => lifetimes(random)).sort((a, b) => a - b);
};
const mean = (all: readonly number[]) => all.reduce((sum, s) => sum + s, 0) / all.length;
const quantile = (all: readonly number[], share: number) => all[Math.floor(share * all.length)] as number;
const about = (value: number, expected: number, share = 0.03) => Math.abs(value - expected) < share * expected;

test("lifetimes have the means and quantiles of their distributions", (t) => {
  t.true(about(mean(drawn("exp:5s")), 5));
  t.true(about(quantile(drawn("exp:5s"), 0.5), 5 * Math.LN2));
  t.deepEqual(new Set(drawn("fixed:250ms", 10)), new Set([0.25]));
  const pareto = drawn("pareto:1s,2");
  t.true((pareto[0] as number) >= 1 && about(quantile(pareto, 0.75), 2));
  const lognormal = drawn("lognormal:2s,1");
  t.true(about(quantile(lognormal, 0.5), 2) && about(quantile(lognormal, 0.8413), 2 * Math.E, 0.05));
});

test("a file's distribution is linear between its lines, and its first line is where it begins", (t) => {
  const all = drawn(fileOf("cdf", "# seconds share\n1 0.5\n3 1\n"));
  t.is(quantile(all, 0.49), 1);
  t.true(about(quantile(all, 0.75), 2) && (all.at(-1) as number) <= 3);
});

test("published distributions have the shares that were published, and rise", (t) => {
  const bySize = Object.entries(KNOWN_SIZES).map(([name, { points }]) => [`${name}:1`, points] as const);
  const byTime = Object.entries(KNOWN_LIFETIMES).map(([name, { points }]) => [name, points] as const);
  for (const [name, points] of [...byTime, ...bySize]) {
    const all = drawn(name, 20_000);
    for (const [i, [seconds, share]] of points.entries()) {
      const [beforeS, before] = points[i - 1] ?? [0, 0];
      t.true(seconds > beforeS && share > before, `${name} ${i}`);
      t.true(Math.abs(all.filter((s) => s <= seconds).length / all.length - share) < 0.02, `${name} ${i}`);
    }
    t.is(points.at(-1)?.[1], 1);
  }
  const inSteps = (points: Distribution) =>
    points.reduce((sum, [bytes, share], i) => sum + bytes * (share - (points[i - 1]?.[1] ?? 0)), 0);
  const means = Object.values(KNOWN_SIZES).map(({ points }) => inSteps(points));
  t.deepEqual(means.map(Math.floor), [68_936, 718_204], "the means that stand beside them");
});

test("what is no distribution is a sentence, with the line of a file", (t) => {
  for (const words of [
    "exp:0s",
    "exp:5s,1",
    "pareto:1s",
    "pareto:1s,1",
    "lognormal:2s,x",
    "web",
    "web:0",
    "nothing-there",
  ])
    t.throws(() => readLifetimes(words), { instanceOf: UsageError, message: /for --lifetimes: expected exp:MEAN/ });
  t.throws(() => readLifetimes(fileOf("falls", "1 0.5\n\n2 0.4\n")), { message: /falls, line 3: .* must rise/ });
  t.throws(() => readLifetimes(fileOf("ends", "1 0.5\n2 0.9\n")), { message: /the last share must be 1, not 0.9/ });
  t.throws(() => readLifetimes(fileOf("words", "one 0.5\n")), { message: /words, line 1: 'one 0.5' is no row/ });
});

const words: OpenWords = {
  arrivals: 2000,
  lifetimes: readLifetimes("exp:5s"),
  durationS: 20,
  families: [4, 6],
  seed: 3,
};

test("arrivals come at their rate, live as long as drawn, and are the same of the same seed", (t) => {
  const plans = drawPlans(words);
  const connections = plans.reduce((sum, { startUs }) => sum + startUs.length, 0);
  t.true(about(connections, 2000 * 19.75, 0.02), `${connections}`);
  for (const { startUs, endUs } of plans) {
    t.deepEqual(startUs, startUs.slice().sort());
    t.true(endUs.every((us, i) => us >= (startUs[i] as number) && us <= 21e6));
  }
  t.deepEqual(drawPlans(words), plans);
  t.notDeepEqual(drawPlans({ ...words, seed: 4 }), plans);
  // Little's law, once as many go as come: 10,000 of a mean life of 5 s.
  const { peak, mean: living } = livingOf(plans, 20);
  t.true(peak > 9000 && peak < 11_000 && living > 6500 && living < 8500, `${peak} ${living}`);
});

test("families take turns at the times of a list, and what comes too late is left out", (t) => {
  const fixed = { ...words, lifetimes: readLifetimes("fixed:1s"), arrivals: [0, 0.5, 0.5, 2, 19.9] };
  const [v4, v6] = drawPlans(fixed);
  t.deepEqual(
    [[...(v4?.startUs ?? [])], [...(v6?.startUs ?? [])]],
    [
      [0, 500_000],
      [500_000, 2_000_000],
    ],
  );
  t.deepEqual([...(v4?.endUs ?? [])], [1_000_000, 1_500_000]);
  t.deepEqual(livingOf([{ startUs: Float64Array.of(0, 5, 9), endUs: Float64Array.of(9, 6, 9) }], 1), {
    peak: 2,
    mean: 10 / 1e6,
  });
});

test("a plan is pairs of 64 bits, little endian", (t) => {
  const bytes = planBytes({ startUs: Float64Array.of(1, 2), endUs: Float64Array.of(258, 2 ** 33) });
  t.deepEqual(Array.from(bytes.slice(0, 10)), [1, 0, 0, 0, 0, 0, 0, 0, 2, 1]);
  t.is(new DataView(bytes.buffer).getBigUint64(24, true), 2n ** 33n);
});
