// SPDX-License-Identifier: Apache-2.0
// What a strategy does over a course of events. The timeline of a record and the theory of a plan both come from here.
import { type Happening, idealLoss, inUse } from "../events/meaning.ts";
import type { Flow } from "./hash.ts";
import { type FlowHash, hashOf, hashSpace } from "./hashes/index.ts";
import type { Change } from "./loss.ts";
import { makeOracle, type Oracle, type OracleSpec, relisted, type Use, weighted, weightsIn } from "./oracle.ts";
import { sharesByWeight } from "./strategies/pools.ts";
import { regionOf, thresholdRegions } from "./strategies/regions.ts";

/** A span between two events, in the terms of the strategy. */
export interface Span {
  /** Indices of the targets in use. */
  active: ReadonlySet<number>;
  /** null: there is none for this balancer. */
  oracle: Oracle | null;
  /** Of all targets, by index, once they have been changed; null: those that the balancer began with. */
  weights: readonly number[] | null;
}

/** A course of events as one router knows it. */
export interface Course {
  /** spans[i + 1] begins with event i. */
  spans: readonly Span[];
  /** By event; null without an oracle. */
  changes: readonly (Change | null)[];
  /** What was in force from span `from` until event i. */
  lived(from: number, i: number): readonly Oracle[];
}

export interface CourseOptions {
  /** Number of routers; all are in the routes at first. */
  routers: number;
  /** Indices of the targets that are active at first. */
  start: readonly number[];
  /** Members are indices. */
  events: readonly Happening<number>[];
  /** By router and span, for strategies that depend on it. Absent, or null: not known. */
  use?: ((router: number, span: number) => Use) | null;
}

/** By router; routers that are told the same share one course. */
export function coursesOf(spec: OracleSpec | null, options: CourseOptions): Course[] {
  const { routers, start, events, use } = options;
  const made = new Map<string, Course>();
  return Array.from({ length: routers }, (_, router) => {
    const active = inUse("targets", start, events, { router, routers });
    const key = JSON.stringify([use ? router : null, active.map((set) => [...set])]);
    const course = made.get(key) ?? courseOf(spec, active, options, router);
    made.set(key, course);
    return course;
  });
}

function courseOf(
  spec: OracleSpec | null,
  active: readonly ReadonlySet<number>[],
  { routers, events, use }: CourseOptions,
  router: number,
): Course {
  const spans: Span[] = [];
  for (const [i, set] of active.entries()) {
    // Some strategies go by the order of the indices.
    const indices = [...set].sort((a, b) => a - b);
    const before = spans.at(-1);
    const weights = events[i - 1]?.weights ?? before?.weights ?? null;
    const list = events.slice(0, i).findLast((event) => event.flows !== undefined)?.flows;
    const weighed = spec && weights ? weighted(spec, weights) : spec;
    const now = weighed && list !== undefined ? relisted(weighed, list) : weighed;
    spans.push({ active: set, oracle: now && makeOracle(now, indices, before?.oracle, use?.(router, i)), weights });
  }
  const inRoutes = inUse("routers", Array(routers).keys(), events, { router: 0, routers });
  const changes = events.map(({ meaning, members }, i): Change | null => {
    const [before, after] = [spans[i], spans[i + 1]];
    if (!before?.oracle || !after?.oracle) return null;
    return {
      subject: meaning.subject,
      effect: meaning.effect,
      announced: meaning.announced,
      ...(meaning.dead ? { dead: true, dying: new Set(members) } : {}),
      ...(meaning.mute ? { mute: true, dying: new Set(members) } : {}),
      before: before.oracle,
      after: after.oracle,
      activeBefore: before.active,
      activeAfter: after.active,
      reroutedShare: idealLoss(inRoutes[i]?.size ?? 0, inRoutes[i + 1]?.size ?? 0),
    };
  });
  return { spans, changes, lived: livedIn(spans) };
}

/** Share of all flows that have to move from one span to the next, if none moves needlessly; `given`: the weights at first. */
export function idealShare(before: Span | undefined, after: Span | undefined, given: OracleSpec | null): number {
  if (!before || !after) return 0;
  if (!before.weights && !after.weights) return idealLoss(before.active.size, after.active.size);
  const [was, is] = [before, after].map(({ active, weights }) =>
    sharesByWeight([...active], (index) => (weights ?? (given && weightsIn(given)))?.[index] ?? 1),
  ) as [Map<number, number>, Map<number, number>];
  return [...is].reduce((sum, [index, share]) => sum + Math.max(0, share - (was.get(index) ?? 0)), 0);
}

/** Made when it is asked for: a long train of changes has very many. */
function livedIn(spans: readonly Span[]): Course["lived"] {
  const oracles = spans.map(({ oracle }) => (oracle ? [oracle] : []));
  const made = new Map<number, readonly Oracle[]>();
  return (from, i) => {
    const key = from * spans.length + i;
    const lived = made.get(key) ?? oracles.slice(Math.min(from, i), i + 1).flat();
    made.set(key, lived);
    return lived;
  };
}

/** How the tester chooses routers where they do not all know the same: by a hash that can be known from outside. */
export const TESTER_HASH = { kind: "fib_multipath_output", seed: 1 } as const satisfies FlowHash;

/** How a router in front of the routers chooses among them. */
export const frontHash = (seed: number): FlowHash => ({ kind: "fib_multipath", seed, policy: "fields" });

/** The tester's multipath route chooses the router; the first one stands for all where nobody can know its hash. */
export function byRouter<T>(ofRouter: readonly T[], hash: FlowHash): (flow: Flow) => T {
  const regions = thresholdRegions([...ofRouter.keys()], () => 1, hashSpace(hash));
  return (flow) => {
    const value = hashOf(hash, flow);
    return ofRouter[value === null ? 0 : (regionOf(regions, value) ?? 0)] as T;
  };
}
