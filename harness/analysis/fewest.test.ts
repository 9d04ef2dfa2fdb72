// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { filled, type Life, toTheFewest } from "./fewest.ts";

const even = new Map(["a", "b", "c", "d"].map((name) => [name, 0.25]));

test("a target that joins gets all new connections until it has as many as the others", (t) => {
  const has = new Map([
    ["a", 10],
    ["b", 10],
    ["c", 10],
  ]);
  t.deepEqual(Object.fromEntries(filled(has, even, 8)), { d: 8, a: 0, b: 0, c: 0 });
  t.deepEqual(Object.fromEntries(filled(has, even, 14)), { d: 11, a: 1, b: 1, c: 1 });
});

test("weights are the widths of the vessels", (t) => {
  const shares = new Map([
    ["a", 0.25],
    ["b", 0.75],
  ]);
  t.deepEqual(Object.fromEntries(filled(new Map(), shares, 100)), { a: 25, b: 75 });
  t.deepEqual(Object.fromEntries(filled(new Map([["a", 30]]), shares, 90)), { b: 90, a: 0 });
});

test("families count by themselves, and so do connections since a change", (t) => {
  const alive = (target: string, family: number, openT: number): Life => ({
    target,
    family,
    startT: openT,
    openT,
    goneT: 100,
  });
  const old = [...Array(6).fill("a"), ...Array(6).fill("b")].map((target) => alive(target, 4, 1));
  const lives = [...old, ...Array(6).fill(alive("c", 4, 50)), ...Array(4).fill(alive("c", 6, 50))];
  const rounded = (since: number) =>
    Object.fromEntries(
      [...toTheFewest(lives, new Map(["a", "b", "c"].map((name) => [name, 1 / 3])), { fromT: 10, toT: 60, since })].map(
        ([name, n]) => [name, Math.round(n * 10) / 10],
      ),
    );
  t.deepEqual(rounded(0), { a: 1.4, b: 1.4, c: 7.3 });
  t.deepEqual(rounded(5), { a: 3.3, b: 3.3, c: 3.3 });
});
