// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { addressBytes } from "../hash.ts";
import { hashFlow, makeOracle } from "../oracle.ts";
import { type IpvsSpec, ipvs, ipvsOrder, ipvsScheduler } from "./ipvs.ts";

const address = (last: number) => ({ 4: [192, 168, 1, last], 6: [...addressBytes(`1000::${last}`)] });
const spec = (over: Partial<IpvsSpec> = {}): IpvsSpec => ({
  strategy: "ipvs",
  scheduler: "mh",
  ports: true,
  fallback: false,
  drain: false,
  fwmark: false,
  size: 251,
  addresses: [1, 2, 3, 4].map(address),
  ...over,
});
const all = [0, 1, 2, 3];
const flow = (sport: number) => ({
  src: addressBytes("50.0.1.2"),
  dst: addressBytes("10.0.0.0"),
  sport,
  dport: 5003,
  protocol: 6,
});
const keys = (given: IpvsSpec) => Array.from({ length: 2000 }, (_, i) => ipvs.hash(given, flow(1000 + i)) ?? 0);
const picks = (
  given: IpvsSpec,
  order: readonly number[],
  active: readonly number[],
  weight: (index: number) => number = () => 1,
) => {
  const { pick } = ipvsScheduler(given, order, new Set(active), weight);
  return keys(given).map(pick);
};

test("targets that are added come to the front of the kernel's list, in the order in which they were added", (t) => {
  t.deepEqual(ipvsOrder(spec(), all, []), [3, 2, 1, 0]);
  t.deepEqual(ipvsOrder(spec(), [2, 3], [3, 2, 1, 0]), [3, 2]);
  t.deepEqual(ipvsOrder(spec(), all, [3, 2]), [1, 0, 3, 2]);
  t.deepEqual(ipvsOrder(spec({ drain: true }), [2, 3], [3, 2, 1, 0]), [3, 2, 1, 0]);
});

test("Maglev's table has every target in all but equal parts, and in parts of its weight", (t) => {
  const { slots } = ipvsScheduler(spec(), [3, 2, 1, 0], new Set(all), () => 1);
  t.is(slots.length, 251);
  for (const index of all) t.true(Math.abs(slots.filter((slot) => slot === index).length - 251 / 4) < 2);
  const weighted = ipvsScheduler(spec(), [3, 2, 1, 0], new Set(all), (index) => (index === 0 ? 6 : 2)).slots;
  t.true(Math.abs(weighted.filter((slot) => slot === 0).length - 251 / 2) < 3);
});

test("destination hashing sends one address to one target, and has no shares to judge", (t) => {
  const dh = spec({ scheduler: "dh" });
  const oracle = makeOracle(dh, all);
  t.is(new Set(Array.from({ length: 50 }, (_, i) => oracle.pick(hashFlow(dh, flow(1000 + i))))).size, 1);
  t.is(oracle.shares.size, 0);
  t.is(makeOracle(spec(), all).shares.size, 4);
});

test("Maglev moves few connections that its removed target did not have; source hashing moves most", (t) => {
  const moved = (given: IpvsSpec) => {
    const before = picks(given, ipvsOrder(given, all, []), all);
    const after = picks(given, ipvsOrder(given, [0, 1, 2], [3, 2, 1, 0]), [0, 1, 2]);
    return before.filter((target, i) => target !== 3 && target !== after[i]).length;
  };
  t.true(moved(spec()) < 250, `${moved(spec())}`);
  t.true(moved(spec({ scheduler: "sh" })) > 800, `${moved(spec({ scheduler: "sh" }))}`);
});

test("a drained target gets nothing new: without fallback its connections fail, with it others take them", (t) => {
  for (const scheduler of ["mh", "sh"] as const) {
    const order = [3, 2, 1, 0];
    const whole = picks(spec({ scheduler, drain: true }), order, all);
    const without = picks(spec({ scheduler, drain: true }), order, [0, 1, 2]);
    const withFallback = picks(spec({ scheduler, drain: true, fallback: true }), order, [0, 1, 2]);
    t.true(whole.includes(3));
    t.false(without.includes(3));
    t.true(without.includes(null));
    t.false(withFallback.includes(3) || withFallback.includes(null));
    for (const [i, target] of whole.entries()) if (target !== 3) t.is(withFallback[i], target);
  }
});

test("destination hashing sends every source to one target; without ports a source has one target", (t) => {
  t.is(new Set(picks(spec({ scheduler: "dh" }), [3, 2, 1, 0], all)).size, 1);
  t.is(new Set(picks(spec({ ports: false }), [3, 2, 1, 0], all)).size, 1);
});
