// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { makeOracle } from "../oracle.ts";
import { maglevTable, maglevWalk, populate } from "./maglev.ts";

// The paper's permutations on page 6, M = 7, as (offset, skip).
const paper = [
  { index: 0, offset: 3, skip: 4 },
  { index: 1, offset: 0, skip: 2 },
  { index: 2, offset: 3, skip: 1 },
];

test("the paper's example comes out", (t) => {
  t.deepEqual([...populate(paper, 7)], [1, 0, 1, 0, 2, 2, 0]);
  t.deepEqual(
    [
      ...populate(
        paper.filter((p) => p.index !== 1),
        7,
      ),
    ],
    [0, 0, 0, 0, 2, 2, 2],
  );
});

test("who weighs half as much takes every second turn", (t) => {
  const weighed = paper.map((one, i) => ({ ...one, weight: i === 0 ? 1 : 2 }));
  t.deepEqual([...populate(weighed, 7)], [1, 0, 1, 0, 2, 2, 1]);
  const equal = paper.map((one) => ({ ...one, weight: 9 }));
  t.deepEqual(populate(equal, 7), populate(paper, 7));
});

test("slots are in proportion to the weights, give or take a turn, and each target has one", (t) => {
  const weights = [1, 2, 3, 250, 7, 7, 1, 100, 2, 50];
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const table = maglevTable([...weights.keys()], 65_537, 3, (index) => weights[index] ?? 1);
  for (const [index, weight] of weights.entries()) {
    const slots = table.filter((slot) => slot === index).length;
    t.true(Math.abs(slots - (65_537 * weight) / total) < 3, `${index}: ${slots}`);
  }
  const few = maglevTable([...weights.keys()], 11, 3, (index) => weights[index] ?? 1);
  t.is(new Set(few).size, weights.length);
});

test("every walk visits every slot", (t) => {
  for (const m of [2, 3, 7, 997]) {
    const { offset, skip } = maglevWalk(3, m, 5);
    t.is(new Set(Array.from({ length: m }, (_, j) => (offset + j * skip) % m)).size, m);
  }
});

test("each target gets its share of the slots, give or take one turn", (t) => {
  const active = [0, 1, 2, 5, 9];
  const table = maglevTable(active, 997, 1);
  for (const index of active) {
    const slots = table.filter((slot) => slot === index).length;
    t.true(slots === 199 || slots === 200);
  }
});

test("the order in which targets are named does not matter", (t) => {
  t.deepEqual(maglevTable([4, 0, 2], 997, 0), maglevTable([0, 2, 4], 997, 0));
});

test("without active targets the table is empty and nothing is picked", (t) => {
  t.is(maglevTable([], 997, 0).length, 0);
  t.is(makeOracle({ strategy: "maglev", m: 997, seed: 0, ports: true }, []).pick(7), null);
});

test("table entries changed agree with the theory's mean", (t) => {
  const all = Array.from({ length: 10 }, (_, i) => i);
  for (const [removed, mean] of [
    [1, 12.5],
    [2, 22.4],
  ] as const) {
    const seeds = 60;
    let changed = 0;
    for (let seed = 0; seed < seeds; seed++) {
      const [before, after] = [maglevTable(all, 997, seed), maglevTable(all.slice(removed), 997, seed)];
      changed += before.filter((slot, i) => slot !== after[i]).length;
    }
    const percent = (changed / seeds / 997) * 100;
    t.true(Math.abs(percent - mean) < 0.6, `${removed} removed: ${percent.toFixed(2)} %, theory ${mean} %`);
  }
});

test("modulo moves all but one in N' of the flows", (t) => {
  const spec = { strategy: "modulo", seed: 0, ports: true } as const;
  const [before, after] = [makeOracle(spec, [...Array(10).keys()]), makeOracle(spec, [...Array(9).keys()])];
  const flows = Array.from({ length: 20_000 }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 0);
  const moved = flows.filter((hash) => before.pick(hash) !== after.pick(hash)).length / flows.length;
  t.true(Math.abs(moved - 0.9) < 0.01, `${moved}`);
});
