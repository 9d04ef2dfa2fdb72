// SPDX-License-Identifier: Apache-2.0
// What a strategy does over a course of events. The timeline of a record and the theory of a plan both come from here.
import { type Happening, idealLoss, inUse } from "../events/meaning.ts";
import type { Flow } from "./hash.ts";
import { type FlowHash, hashOf, hashSpace } from "./hashes/index.ts";
import type { Change } from "./loss.ts";
import { makeOracle, type Oracle, type OracleSpec, type Use } from "./oracle.ts";
import { regionOf, thresholdRegions } from "./strategies/regions.ts";

/** A span between two events, in the terms of the strategy. */
interface Span {
  /** Indices of the targets in use. */
  active: ReadonlySet<number>;
  /** null: there is none for this balancer. */
  oracle: Oracle | null;
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
    spans.push({ active: set, oracle: spec && makeOracle(spec, indices, spans.at(-1)?.oracle, use?.(router, i)) });
  }
  const inRoutes = inUse("routers", Array(routers).keys(), events, { router: 0, routers });
  const changes = events.map(({ meaning }, i): Change | null => {
    const [before, after] = [spans[i], spans[i + 1]];
    if (!before?.oracle || !after?.oracle) return null;
    return {
      subject: meaning.subject,
      effect: meaning.effect,
      announced: meaning.announced,
      ...(meaning.dead ? { dead: true } : {}),
      before: before.oracle,
      after: after.oracle,
      activeBefore: before.active,
      activeAfter: after.active,
      reroutedShare: idealLoss(inRoutes[i]?.size ?? 0, inRoutes[i + 1]?.size ?? 0),
    };
  });
  const oracles = spans.map(({ oracle }) => (oracle ? [oracle] : []));
  const lived = spans.map((_, from) => events.map((_, i) => oracles.slice(Math.min(from, i), i + 1).flat()));
  return { spans, changes, lived: (from, i) => lived[from]?.[i] ?? [] };
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
