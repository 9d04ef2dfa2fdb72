// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { mulberry32 } from "../util/random.ts";
import { costAt, type GrowthPoint, growthOf } from "./growth.ts";

const XS = [1, 10, 100, 1000];

/** Rounds of a curve, each slower or faster as a whole by up to a third, each value with noise of some percent. */
function rounds(cost: (x: number) => number, seed: number, { repeats = 6, noise = 0.03, xs = XS } = {}): GrowthPoint[] {
  const random = mulberry32(seed);
  const slow = Array.from({ length: repeats }, () => 0.7 + 0.6 * random());
  return xs.map((x) => ({ x, costs: slow.map((factor) => cost(x) * factor * (1 + noise * (2 * random() - 1))) }));
}

for (const [what, cost, exponent] of [
  ["a straight line above a fixed part", (x: number) => 150 + 0.4 * x, 1],
  ["a logarithm", (x: number) => 20 + 5 * Math.log(x), 0],
  ["a square root", (x: number) => 3 + 2 * Math.sqrt(x), 0.5],
  ["a power without a fixed part", (x: number) => 0.01 * x ** 1.5, 1.5],
  ["a square", (x: number) => 10 + x ** 2 / 100, 2],
] as const)
  test(`${what} is told by its exponent`, (t) => {
    const growth = growthOf(rounds(cost, 1));
    t.is(growth?.trend, "grows");
    const [low = Number.NaN, high = Number.NaN] = growth?.exponentInterval95 ?? [];
    t.true(low <= exponent && exponent <= high && high - low < 0.5, `${low} to ${high}`);
    t.true(Math.abs((growth?.exponent ?? Number.NaN) - exponent) < 0.15, `${growth?.exponent}`);
    const { curve } = growth ?? {};
    t.true(curve !== null && curve !== undefined && Math.abs(costAt(curve, 1000) / cost(1000) - 1) < 0.15);
    t.is(growth?.linear !== null, exponent === 1);
  });

test("a straight line is told by what each one more costs", (t) => {
  const growth = growthOf(rounds((x) => 150 + 0.4 * x, 2, { noise: 0.01 }));
  t.true(Math.abs((growth?.linear?.each ?? 0) - 0.4) < 0.03, `${growth?.linear?.each}`);
  t.true(Math.abs((growth?.linear?.base ?? 0) - 150) < 15, `${growth?.linear?.base}`);
  t.true(Math.abs((growth?.factor ?? 0) - 550 / 150.4) < 0.2);
});

test("what does not grow is called growing as seldom as the test says", (t) => {
  let found = 0;
  for (let seed = 0; seed < 400; seed++) found += Number(growthOf(rounds(() => 7, seed))?.trend !== "none");
  // At most 1 % by the test's nature: of 400 draws more than 12 are one case in thousands.
  t.true(found <= 12, `${found} of 400`);
});

test("the exponent's interval holds the true one about as often as it says", (t) => {
  let held = 0;
  for (let seed = 0; seed < 200; seed++) {
    const [low, high] = growthOf(rounds((x) => 100 + 0.5 * x ** 0.8, seed))?.exponentInterval95 ?? [9, 9];
    held += Number(low <= 0.8 && 0.8 <= high);
  }
  t.true(held >= 178, `${held} of 200`);
});

test("a cost that falls is not growth", (t) => {
  const growth = growthOf(rounds((x) => 5 + 100 / x, 3));
  t.is(growth?.trend, "falls");
  t.true((growth?.factor ?? 9) < 0.1);
});

test("the tests for a trend have their exact probabilities", (t) => {
  const near = (costs: readonly (readonly number[])[], expected: number) => {
    const growth = growthOf(costs.map((own, i) => ({ x: i + 1, costs: own })));
    t.true(Math.abs((growth?.p ?? 9) - expected) < 1e-12, `${growth?.p} instead of ${expected}`);
    return growth;
  };
  // By the order of all, for two tests and both sides: one round of three, one of six orders; two rounds: one of 36; three of four points: one of 24 cubed.
  near([[1], [2], [3]], 4 / 6);
  near(
    [1, 2, 3].map((n) => [n, n]),
    4 / 36,
  );
  near(
    [1, 2, 3, 4].map((n) => [n, n, n]),
    4 / 24 ** 3,
  );
  // By the last alone: the others are in no order, and it has the highest rank of four in all six rounds.
  const growth = near([[2, 3, 1, 3, 1, 2], [3, 1, 2, 2, 3, 1], [1, 2, 3, 1, 2, 3], [9, 9, 9, 9, 9, 9]], 4 / 4 ** 6); // biome-ignore format: a table
  t.is(growth?.trend, "grows");
});

test("two points, or none, have no growth; one round has no interval", (t) => {
  t.is(growthOf([]), null);
  t.is(growthOf(rounds((x) => x, 1, { xs: [1, 10] })), null);
  t.is(growthOf([{ x: 1, costs: [] }, { x: 2, costs: [] }, { x: 3, costs: [] }]), null); // biome-ignore format: a table
  const once = growthOf(rounds((x) => x, 1, { repeats: 1, xs: [1, 4, 16, 64, 256, 1024], noise: 0 }));
  t.is(once?.trend, "grows");
  t.is(once?.factorInterval95, null);
});
