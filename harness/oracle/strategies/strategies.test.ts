// SPDX-License-Identifier: Apache-2.0
// What holds for every strategy, whoever wrote it.
import test from "ava";
import { scaleIn } from "../../events/scale-in.ts";
import { SPECS, TARGETS } from "../../testing/strategies.ts";
import { addressBytes, type Flow, murmur3 } from "../hash.ts";
import { makeOracle, type Oracle, type OracleSpec } from "../oracle.ts";
import { affinityS, hashFlow, lossBounds, lossProbability, strategies } from "./registry.ts";

const all = Array.from({ length: TARGETS }, (_, i) => i);
const name = (spec: OracleSpec) => JSON.stringify(spec).slice(0, 80);

/** Reproducible choices of active targets: all, then sets of at least one. */
const COURSES: readonly (readonly number[])[][] = Array.from({ length: 8 }, (_, course) => [
  all,
  ...Array.from({ length: 4 }, (_, step) => {
    const bits = murmur3(Uint8Array.of(course, step), 9);
    const active = all.filter((i) => (bits >> i) & 1);
    return active.length > 0 ? active : [course % TARGETS];
  }),
]);

const flows: Flow[] = [4, 6].flatMap((family) =>
  Array.from({ length: 60 }, (_, i) => ({
    src: addressBytes(family === 4 ? `50.0.${i % 7}.${i + 1}` : `2000::${i + 1}`),
    dst: addressBytes(family === 4 ? "10.0.0.0" : "1000::"),
    sport: 1024 + 37 * i,
    dport: 5003,
    protocol: 6,
  })),
);

function along(spec: OracleSpec, course: readonly (readonly number[])[]): Oracle[] {
  const states: Oracle[] = [];
  for (const active of course) states.push(makeOracle(spec, active, states.at(-1)));
  return states;
}

/** Of each flow; the dearest part of these tests, and so made once. */
const hashesOf = (spec: OracleSpec): (number | null)[] => {
  const hashes = made.get(spec) ?? flows.map((flow) => hashFlow(spec, flow));
  made.set(spec, hashes);
  return hashes;
};
const made = new Map<OracleSpec, (number | null)[]>();

const change = (before: Oracle, after: Oracle, sets: readonly [readonly number[], readonly number[]]) => ({
  ...scaleIn,
  before,
  after,
  activeBefore: new Set(sets[0]),
  activeAfter: new Set(sets[1]),
  reroutedShare: 0,
});

const alive = (spec: OracleSpec, state: Oracle) =>
  hashesOf(spec).flatMap((hash) => {
    const targets = hash === null ? all : [state.pick(hash)];
    return (["tcp", "udp"] as const).flatMap((protocol) =>
      targets.map((target) => ({ protocol, hash, target, lived: [state], knownToReturning: false })),
    );
  });

test("there is a specimen of every strategy that decides by itself", (t) => {
  // A list of flows asks one of the others for each of its services: flows.test.ts.
  const own = [...strategies().keys()].filter((strategy) => strategy !== "flows");
  t.deepEqual([...new Set(SPECS.map(({ strategy }) => strategy as string))].sort(), own.sort());
});

test("only active targets are picked, and their shares add up to 1", (t) => {
  for (const spec of SPECS) {
    const hashes = hashesOf(spec);
    for (const course of COURSES)
      for (const [step, state] of along(spec, course).entries()) {
        const active = course[step] ?? [];
        const wrong = hashes.map((hash) => state.pick(hash)).filter((i) => i !== null && !active.includes(i));
        t.deepEqual(wrong, [], `${name(spec)} with ${active.join()}`);
        const shares = [...state.shares];
        t.true(shares.every(([index, share]) => active.includes(index) && share >= 0 && share <= 1));
        if (shares.length > 0)
          t.true(Math.abs(shares.reduce((sum, [, share]) => sum + share, 0) - 1) < 1e-9, name(spec));
      }
  }
});

test("no target is active: nothing is picked, and nobody has a share", (t) => {
  for (const spec of SPECS) {
    const state = makeOracle(spec, [], makeOracle(spec, all));
    t.true(
      hashesOf(spec).every((hash) => state.pick(hash) === null),
      name(spec),
    );
    t.is(state.shares.size, 0, name(spec));
    t.deepEqual(new Set(makeOracle(spec, all, state).shares.keys()), new Set(makeOracle(spec, all).shares.keys()));
  }
});

test("picks agree with shares over many hashes", (t) => {
  for (const spec of SPECS) {
    const oracle = makeOracle(spec, all);
    const { shares } = oracle;
    const counts = new Map<number, number>();
    const [some] = flows;
    if (!some || shares.size === 0 || oracle.pick(hashFlow(spec, some)) === null) continue;
    const total = 8000;
    for (let i = 0; i < total; i++) {
      const random = murmur3(Uint8Array.of(i, i >> 8), 77);
      const src = Uint8Array.from(some.src);
      src.set([random & 255, (random >> 8) & 255], 14);
      const target = oracle.pick(hashFlow(spec, { ...some, src, sport: 1024 + ((random >>> 16) % 60_000) }));
      if (target !== null) counts.set(target, (counts.get(target) ?? 0) + 1);
    }
    for (const [index, share] of shares)
      t.true(Math.abs((counts.get(index) ?? 0) / total - share) < 0.03, `${name(spec)}: target ${index}`);
  }
});

test("losses are probabilities within their bounds, and a set that does not change loses nothing", (t) => {
  for (const spec of SPECS) {
    for (const course of COURSES)
      for (const [step, before] of along(spec, course).entries()) {
        const [from, to] = [course[step] ?? [], course[step + 1] ?? course[step] ?? []];
        const next = change(before, makeOracle(spec, to, before), [from, to]);
        const none = change(before, makeOracle(spec, from, before), [from, from]);
        const wrong = alive(spec, before).filter((connection) => {
          const loss = lossProbability(spec, next, connection);
          const [low, high] = lossBounds(spec, next, connection);
          const fits = 0 <= low && low <= loss && loss <= high && high <= 1;
          return !fits || lossProbability(spec, none, connection) !== 0;
        });
        t.deepEqual(wrong, [], `${name(spec)} from ${from.join()} to ${to.join()}`);
      }
  }
});

/** Their state depends on what was before: the buckets, who has them, and the order of the kernel's list. */
const WITH_MEMORY = new Set(["resilient", "ipvs", "anchor", "jet"]);

test("a strategy without a memory is the same again once who left has returned", (t) => {
  for (const spec of SPECS.filter(({ strategy }) => !WITH_MEMORY.has(strategy)))
    for (const course of COURSES) {
      const again = makeOracle(spec, all, along(spec, course).at(-1));
      const fresh = makeOracle(spec, all);
      const hashes = hashesOf(spec);
      t.deepEqual(
        hashes.map((hash) => again.pick(hash)),
        hashes.map((hash) => fresh.pick(hash)),
        name(spec),
      );
    }
});

test("buckets, and sources that hash alike, stay as the kernel keeps them", (t) => {
  const spec = { strategy: "resilient", hash: null, buckets: 96 } as const;
  const [full, less] = along(spec, [all, [0, 2, 3, 4, 5]]);
  const back = makeOracle(spec, all, less);
  for (let bucket = 0; bucket < 96; bucket++) {
    const owner = full?.pick(bucket) ?? null;
    if (owner !== 1) t.is(less?.pick(bucket), owner, "a bucket of who stays does not move");
    t.is(back.pick(bucket), less?.pick(bucket) ?? null, "and busy ones do not go back");
  }
});

test("an affinity is for ever, for some time, or none", (t) => {
  for (const spec of SPECS) for (const family of [4, 6] as const) t.true(affinityS(spec, family) >= 0, name(spec));
  t.is(affinityS({ strategy: "modulo", seed: 1, ports: false } as OracleSpec, 4), Number.POSITIVE_INFINITY);
  t.is(affinityS({ strategy: "modulo", seed: 1, ports: true } as OracleSpec, 4), 0);
  const l3 = { strategy: "scaled", hash: { kind: "fib_multipath", seed: 1, policy: "l3" } };
  t.deepEqual([affinityS(l3, 4), affinityS(l3, 6)], [Number.POSITIVE_INFINITY, 0]);
  t.is(affinityS({ strategy: "stateful", flush: true, assign: l3 } as OracleSpec, 4), Number.POSITIVE_INFINITY);
  t.is(affinityS(null, 4), 0);
});
