// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { environment } from "./fixture.ts";
import { figuresOf, medianInterval95 } from "./result.ts";

const rate = { name: "connections", unit: "1/s", higherIsBetter: true, summary: "" };

test("an interval of the median needs six values, then holds it with at least 95 %", (t) => {
  t.is(medianInterval95([]), null);
  t.is(medianInterval95([1, 2, 3, 4, 5]), null);
  t.deepEqual(medianInterval95([6, 1, 5, 2, 4, 3]), [1, 6]);
  // n = 9: P(at most 1 below) = 10/512, twice that is 3.9 %.
  t.deepEqual(medianInterval95([1, 2, 3, 4, 5, 6, 7, 8, 9]), [2, 8]);
});

test("the median's interval covers it as often as it says", (t) => {
  let [state, covered] = [1, 0];
  const random = () => {
    state = (state * 48_271) % 0x7fffffff;
    return state / 0x7fffffff;
  };
  for (let i = 0; i < 4000; i++) {
    const [low = 1, high = 0] = medianInterval95(Array.from({ length: 8 }, random)) ?? [];
    if (low <= 0.5 && 0.5 <= high) covered++;
  }
  // Exactly 1 - 2/256 - ... = 99.2 % for 8 values between the extremes: 95 % at the least, and not always.
  t.true(covered / 4000 > 0.95 && covered < 4000, `${covered}`);
});

test("a ratio is taken within its round, so a machine that slows down changes no ratio", (t) => {
  const rounds = [1, 2, 4].flatMap((slow, round) => [
    { backend: "nfqueue", metric: "connections", at: null, round, value: 900 / slow, disturbed: round === 2 },
    { backend: "plain", metric: "connections", at: null, round, value: 1000 / slow, disturbed: false },
  ]);
  const [first, second] = figuresOf(rounds, [rate], environment);
  t.like(first, { backend: "plain", median: 500, ratioToPlain: null, repeats: 3, disturbed: 0 });
  t.like(second, { backend: "nfqueue", median: 450, ratioToPlain: 0.9, disturbed: 1, interval95: null });
});

test("a balancer is also compared with plain forwarding that has its conntrack or links, in the same round", (t) => {
  const reference = "plain (conntrack)";
  const rounds = [1, 2].flatMap((slow, round) =>
    Object.entries({ syn_only: 720, plain: 1000, [reference]: 800 }).map(([backend, rate]) => {
      return { backend, metric: "connections", at: null, round, value: rate / slow, disturbed: false };
    }),
  );
  const figures = figuresOf(rounds, [rate], environment, { fair: new Map([["syn_only", reference]]) });
  t.deepEqual(
    figures.map(({ backend, ratioToPlain, fair }) => [backend, ratioToPlain, fair?.reference, fair?.ratio]),
    [
      ["plain", null, undefined, undefined],
      [reference, 0.8, undefined, undefined],
      ["syn_only", 0.72, reference, 0.9],
    ],
  );
});

test("what a request costs on the router is its CPU beyond that without one, in the same round", (t) => {
  const core = { ...rate, name: "requests_core" };
  const router = {
    name: "router_cpu",
    unit: "µs",
    higherIsBetter: false,
    summary: "",
    noBaselineRatio: true as const,
    beyondDirect: core.name,
  };
  const rounds = [1, 2].flatMap((slow, round) => [
    { backend: "direct", metric: core.name, at: null, round, value: 100_000 / slow, disturbed: false },
    { backend: "ecmp", metric: core.name, at: null, round, value: 50_000 / slow, disturbed: false },
  ]);
  const figures = figuresOf(rounds, [router], environment);
  t.is(figures.length, 1);
  // 20 - 10 µs, and 40 - 20 µs.
  t.true(Math.abs((figures[0]?.median ?? 0) - 15) < 1e-9);
  t.is(figures[0]?.ratioToPlain, null);
});

test("without a figure of plain forwarding there is no ratio", (t) => {
  const [figure] = figuresOf(
    [{ backend: "ecmp", metric: "connections", at: null, round: 0, value: 5, disturbed: false }],
    [rate],
    environment,
  );
  t.is(figure?.ratioToPlain, null);
  t.deepEqual(figuresOf([], [rate], environment), []);
});
