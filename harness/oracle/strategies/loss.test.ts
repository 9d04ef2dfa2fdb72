// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import type { EventDefinition } from "../../api/event.ts";
import { death } from "../../events/death.ts";
import { failure } from "../../events/failure.ts";
import { failureEnd } from "../../events/failure-end.ts";
import { routerIn } from "../../events/router-in.ts";
import { routerOut } from "../../events/router-out.ts";
import { scaleIn } from "../../events/scale-in.ts";
import { scaleOut } from "../../events/scale-out.ts";
import { type Alive, lossProbability } from "../loss.ts";
import { makeOracle, type OracleSpec } from "../oracle.ts";
import { type Buckets, rebalance } from "./buckets.ts";

const all = Array.from({ length: 10 }, (_, i) => i);
const without = (...gone: number[]) => all.filter((i) => !gone.includes(i));

function change(
  spec: OracleSpec,
  before: number[],
  after: number[],
  { reroutedShare = 0, ...event }: EventDefinition & { reroutedShare?: number } = scaleIn,
) {
  const old = makeOracle(spec, before);
  return {
    ...event,
    before: old,
    after: makeOracle(spec, after, old),
    activeBefore: new Set(before),
    activeAfter: new Set(after),
    reroutedShare,
  };
}

/** Expected share of all connections that is lost, when their hashes are unknown. */
function shareLost(spec: OracleSpec, before: number[], after: number[]): number {
  const c = change(spec, before, after);
  const alive = (target: number): Alive => ({
    protocol: "tcp",
    hash: null,
    target,
    lived: [c.before],
    knownToReturning: false,
  });
  return before.reduce((sum, i) => sum + (c.before.shares.get(i) ?? 0) * lossProbability(spec, c, alive(i)), 0);
}

test("hash-threshold loses what RFC 2992 says, by the index of the one of ten that leaves", (t) => {
  const spec: OracleSpec = { strategy: "hash_threshold", hash: null };
  const published = [50, 41.1, 34.4, 30, 27.8, 27.8, 30, 34.4, 41.1, 50];
  for (const [index, percent] of published.entries())
    t.true(Math.abs(100 * shareLost(spec, all, without(index)) - percent) < 0.1, `${index}`);
});

test("known hashes lose the same share as unknown ones, connection by connection", (t) => {
  const hash = { kind: "jhash", seed: 1, keys: ["srcip"] } as const;
  const spec: OracleSpec = { strategy: "scaled", hash };
  const c = change(spec, all, without(0, 1));
  let lost = 0;
  for (let i = 0; i < 10_000; i++) {
    const h = Math.floor((i + 0.5) * (2 ** 32 / 10_000));
    lost += lossProbability(spec, c, { protocol: "tcp", hash: h, target: null, lived: [], knownToReturning: false });
  }
  t.true(Math.abs(lost / 10_000 - shareLost({ ...spec, hash: null }, all, without(0, 1))) < 0.001);
});

test("a connection that survived a change is known to lie where it survived", (t) => {
  const spec: OracleSpec = { strategy: "hash_threshold", hash: null };
  const first = makeOracle(spec, all);
  const c = change(spec, without(0, 1), all, scaleOut);
  const alive = { protocol: "tcp", hash: null, target: 9, knownToReturning: false } as const;
  // Target 9 had [0.9, 1), then [0.875, 1): who was there before has nothing to fear when it shrinks again.
  t.is(lossProbability(spec, c, { ...alive, lived: [first, c.before] }), 0);
  t.true(Math.abs(lossProbability(spec, c, { ...alive, lived: [c.before] }) - 0.2) < 1e-6);
});

const group = (active: readonly number[], buckets: number) =>
  ({ active, buckets, weight: () => 1, idleTimerS: undefined }) as const;
const owners = (slots: readonly number[], movedT = 0): Buckets => ({
  slots: Int32Array.from(slots),
  later: Int32Array.from(slots),
  movedT: new Float64Array(slots.length).fill(movedT),
  byTimer: false,
  silent: false,
});

test("resilient buckets of a target that stays never move, and all buckets have an owner", (t) => {
  const before = rebalance(group(all, 160), null, null);
  const after = rebalance(group(without(3, 7), 160), before, null);
  for (const [i, owner] of before.slots.entries()) {
    if (owner !== 3 && owner !== 7) t.is(after.slots[i], owner);
    else t.true(without(3, 7).includes(after.slots[i] ?? -1));
  }
  t.deepEqual(rebalance(group(all, 160), after, null).slots, after.slots, "busy buckets do not go back by themselves");
  const counts = without(3, 7).map((index) => after.slots.filter((owner) => owner === index).length);
  t.deepEqual(new Set(counts), new Set([20]));
});

test("resilient buckets are handed out as this kernel did it: 16 buckets, the later member first", (t) => {
  t.deepEqual(
    [...rebalance(group([1, 2], 16), null, null).slots],
    [...Array<number>(8).fill(2), ...Array<number>(8).fill(1)],
  );
  const seen = owners([3, 3, 2, 2, 2, 2, 2, 2, 3, 3, 3, 1, 1, 1, 1, 1]);
  t.deepEqual([...rebalance(group([2, 3], 16), seen, null).slots], [3, 3, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 2, 2]);
});

test("resilient buckets that nobody has used since they moved go back at once, silent ones after the timer", (t) => {
  const seen = owners([2, 2, 2, 2, 3, 3, 3, 3], 1e9);
  // Bucket 0 was used before it moved, 1 and 4 afterwards, 6 once: the others are idle.
  const sent = new Map([
    [0, [0.5e9]],
    [1, [2e9, 3e9, 4e9, 5e9, 6e9, 7e9]],
    [4, [2e9, 9e9]],
    [6, [2e9]],
  ]);
  const use = {
    fromT: 3e9,
    untilT: 9e9,
    lastSent: (bucket: number, at: number) =>
      sent
        .get(bucket)
        ?.filter((s) => s <= at)
        .at(-1) ?? null,
  };
  const now = rebalance(group([1, 2, 3], 8), seen, use);
  // Of 8 buckets 1, 2 and 3 want 3, 2 and 3.
  t.deepEqual([[...now.slots], [...now.later]], [[1, 2, 1, 2, 3, 1, 3, 3], [...now.slots]]);
  // All are busy at first: 3, 4 and 6 are idle from 4 s on, 0, 2, 5 and 7 from 4.5 s on.
  const last = (bucket: number) => (bucket === 3 ? 2e9 : 2.5e9);
  const busy = {
    ...use,
    lastSent: (bucket: number, at: number) =>
      Math.max(use.lastSent(bucket, at) ?? 0, sent.get(bucket)?.[1] ? 0 : last(bucket)),
  };
  const late = rebalance({ ...group([1, 2, 3], 8), idleTimerS: 2 }, seen, busy);
  t.deepEqual([...late.slots], [...seen.slots]);
  t.deepEqual([...late.later], [1, 2, 2, 1, 1, 3, 3, 3]);
  t.deepEqual([now.byTimer, late.byTimer], [false, true]);
});

const onTarget = (target: number, protocol: "tcp" | "udp" = "tcp"): Alive => ({
  protocol,
  hash: null,
  target,
  lived: [],
  knownToReturning: false,
});

test("state keeps connections: only those of a flushed target are lost, and none when targets come", (t) => {
  const flush: OracleSpec = { strategy: "stateful", flush: true, assign: null };
  const drain: OracleSpec = { ...flush, flush: false };
  const leaves = change(flush, all, without(2));
  t.is(lossProbability(flush, leaves, onTarget(2)), 1);
  t.is(lossProbability(flush, leaves, onTarget(3)), 0);
  t.is(lossProbability(drain, leaves, onTarget(2)), 0);
  t.is(lossProbability(flush, change(flush, without(2), all, scaleOut), onTarget(3)), 0);
});

test("who is dead takes its connections along, whatever is remembered of them, and nobody else's", (t) => {
  const spec: OracleSpec = { strategy: "stateful", flush: false, assign: null };
  t.is(lossProbability(spec, change(spec, all, without(2), failure), onTarget(2)), 1);
  t.is(lossProbability(spec, change(spec, all, without(2), failure), onTarget(3)), 0);
  t.is(lossProbability(spec, change(spec, without(2), all, failureEnd), onTarget(3)), 0);
});

test("another router knows nothing of a connection: TCP ends, UDP may find the same target again", (t) => {
  const spec: OracleSpec = { strategy: "stateful", flush: true, assign: null };
  const out = change(spec, all, all, { ...routerOut, reroutedShare: 0.5 });
  t.is(lossProbability(spec, out, onTarget(2)), 0.5);
  t.true(Math.abs(lossProbability(spec, out, onTarget(2, "udp")) - 0.45) < 1e-9);
  const back = change(spec, all, all, { ...routerIn, reroutedShare: 0.5 });
  t.is(lossProbability(spec, back, { ...onTarget(2), knownToReturning: true }), 0);
  const byHash: OracleSpec = { ...spec, assign: { strategy: "scaled", hash: { kind: "hmark", seed: 1 } } };
  t.is(
    lossProbability(byHash, change(byHash, all, all, { ...routerOut, reroutedShare: 0.5 }), {
      ...onTarget(0, "udp"),
      hash: 5,
    }),
    0,
  );
});

test("a remainder by weights gives each target as many values as it weighs, in order", (t) => {
  const spec: OracleSpec = { strategy: "remainder", hash: { kind: "nginx" }, weights: [1, 2, 1] };
  const oracle = makeOracle(spec, [2, 0, 1]);
  t.deepEqual(
    [0, 1, 2, 3, 4].map((hash) => oracle.pick(hash)),
    [0, 1, 1, 2, 0],
  );
  t.is(oracle.shares.get(1), 0.5);
  t.deepEqual(
    [0, 1].map((hash) => makeOracle(spec, [0, 2]).pick(hash)),
    [0, 2],
  );
});

test("marks carry a connection on with another router that chooses the same target, for the protocols they are kept for", (t) => {
  const assign: OracleSpec = { strategy: "maglev", m: 997, seed: 0, ports: true };
  const spec: OracleSpec = { strategy: "stateful", flush: true, assign, marks: ["tcp"] };
  const moved = change(spec, all, without(2), { ...routerOut, reroutedShare: 0.5 });
  const old = makeOracle(spec, all);
  const hashes = Array.from({ length: 997 }, (_, i) => i);
  const stays = hashes.find((hash) => old.pick(hash) === moved.after.pick(hash)) ?? 0;
  const goes = hashes.find((hash) => old.pick(hash) !== moved.after.pick(hash)) ?? 0;
  const at = (hash: number, protocol: "tcp" | "udp" = "tcp") => ({ ...onTarget(old.pick(hash) ?? -1, protocol), hash });
  t.is(lossProbability(spec, moved, at(stays)), 0);
  t.is(lossProbability(spec, moved, at(goes)), 0.5);
  const leaves = change(spec, all, without(2));
  const kept = hashes.find((hash) => old.pick(hash) !== 2 && old.pick(hash) !== leaves.after.pick(hash)) ?? 0;
  t.is(lossProbability(spec, leaves, at(kept)), 0, "Maglev moves it, the mark does not");
  t.is(lossProbability(spec, leaves, at(kept, "udp")), 1, "asked about packet by packet");
});

test("only the best priority with an active target gets new flows", (t) => {
  const spec: OracleSpec = { strategy: "scaled", hash: null, priorities: [1, 1, 2, 2], weights: [3, 1, 1, 1] };
  t.deepEqual(
    [...makeOracle(spec, [0, 1, 2, 3]).shares],
    [
      [0, 0.75],
      [1, 0.25],
    ],
  );
  t.deepEqual([...makeOracle(spec, [2, 3]).shares.keys()], [2, 3]);
  const { priorities, weights } = spec;
  for (const assign of [null, spec]) {
    const stateful: OracleSpec = { strategy: "stateful", flush: true, assign, priorities, weights };
    t.deepEqual([...makeOracle(stateful, [0, 1, 2, 3]).shares], [...makeOracle(spec, [0, 1, 2, 3]).shares]);
  }
});

test("the dead take along what is remembered of them, whether or not the balancer was told", (t) => {
  const spec: OracleSpec = { strategy: "stateful", flush: false, assign: null };
  const alive = (target: number): Alive => ({
    protocol: "udp",
    hash: null,
    target,
    lived: [],
    knownToReturning: false,
  });
  const lost = (event: EventDefinition, target: number) =>
    lossProbability(spec, change(spec, all, without(0), event), alive(target));
  t.deepEqual(
    [scaleIn, death, failure].map((event) => lost(event, 0)),
    [0, 1, 1],
  );
  t.deepEqual(
    [scaleIn, death, failure].map((event) => lost(event, 1)),
    [0, 0, 0],
  );
});

test("at a deadline exactly the connections of drained targets are lost that are still on them", (t) => {
  const spec: OracleSpec = { strategy: "stateful", flush: false, assign: null };
  const left = change(spec, all, without(0, 1));
  const gone = { ...change(spec, without(0, 1), without(0, 1)), dead: true as const, dying: new Set([0, 1]) };
  const lost = (of: typeof left, target: number) =>
    lossProbability(spec, of, { protocol: "tcp", hash: null, target, lived: [of.before], knownToReturning: false });
  t.deepEqual(
    [0, 1, 2].map((target) => lost(left, target)),
    [0, 0, 0],
  );
  t.deepEqual(
    [0, 1, 2].map((target) => lost(gone, target)),
    [1, 1, 0],
  );
});
