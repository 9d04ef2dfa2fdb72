// SPDX-License-Identifier: Apache-2.0
// What a strategy is expected to lose of flows that nobody has drawn yet: the loss that the verdict predicts for each connection, averaged.
import type { Step } from "../api/scenario.ts";
import { byRouter, type Course, type CourseOptions, coursesOf, idealShare, TESTER_HASH } from "../oracle/course.ts";
import { type Flow, murmur3 } from "../oracle/hash.ts";
import { type Alive, lossProbability } from "../oracle/loss.ts";
import { hashFlow, type OracleSpec } from "../oracle/oracle.ts";
import { withLists } from "../plan/flow-lists.ts";
import type { Connection, Protocol, StreamStart } from "../record/schema.ts";
import { flowReader } from "./flows.ts";
import { lossOfPath } from "./paths.ts";

const SAMPLES = 65_536;
const ALL_SOURCES = 65_534;

/** The network that a stream's flows are drawn from, and what they go to. */
export type FlowSource = Pick<StreamStart, "srcCidr" | "sources" | "dst" | "dport" | "protocol" | "second">;
type Row = Pick<Connection, "srcOffset" | "sport">;

export interface PlannedCourse {
  targets: number;
  routers: number;
  /** Target numbers (from 1) that are out at the start. */
  out: readonly number[];
  steps: readonly Pick<Step, "event" | "members" | "weights" | "flows">[];
}

/**
 * Shares of all connections that are lost at the first event: in theory (null: the strategy leaves it open), and at least by any
 * balancer without memory.
 */
export function expectedLoss(
  spec: OracleSpec | null,
  plan: PlannedCourse,
  sources: readonly FlowSource[],
  samples = SAMPLES,
): { share: number | null; ideal: number } {
  const courses = plannedCourses(spec, plan);
  const [before, after] = courses[0]?.spans ?? [];
  const ideal = idealShare(before, after, spec);
  if (spec === null || !after) return { share: null, ideal };
  const courseOf = plan.steps.some(({ event }) => event.told !== "all")
    ? byRouter(courses, TESTER_HASH)
    : () => courses[0];
  const blind = memo((course: Course, protocol: Protocol) => lossOfUnknown(spec, course, protocol));
  let lost = 0;
  for (const source of sources) {
    const flowOf = flowReader(source);
    const lossOf = lossReader(spec, plan, source, blind);
    for (const row of sampleRows(samples / sources.length, source.sources)) {
      const flow = flowOf(row);
      const course = courseOf(flow);
      if (!course) continue;
      const loss = lossOf(course, row, flow);
      if (loss === null) return { share: null, ideal };
      lost += loss;
    }
  }
  return { share: lost / samples, ideal };
}

/** Reads what is expected of flows of a source; null: nobody can know. `blind` is for those whose target nobody knows. */
function lossReader(
  spec: OracleSpec,
  { steps }: PlannedCourse,
  source: FlowSource,
  blind: (course: Course, protocol: Protocol) => number | null,
): (course: Course, row: Row, flow: Flow) => number | null {
  const { protocol } = source;
  const path = steps[0]?.event.path;
  if (!path) return (course, _, flow) => lossOfFlow(spec, course, protocol, flow) ?? blind(course, protocol);
  const secondOf = source.second ? flowReader({ ...source, ...source.second }) : () => null;
  return (course, row, flow) => lossOnPath(spec, course, { path, flow, second: secondOf(row) });
}

/** Of an association, where a path opens or closes; null: nobody can know its targets. */
function lossOnPath(
  spec: OracleSpec,
  { spans, changes }: Course,
  { path, flow, second }: { path: "opens" | "closes"; flow: Flow; second: Flow | null },
): number | null {
  const target = spans[0]?.oracle?.pick(hashFlow(spec, flow)) ?? null;
  const prediction = lossOfPath(spec, changes[0]?.after, { path, target, second });
  return prediction.low === prediction.high ? prediction.probability : null;
}

/** By router, as the timeline of the run will have them. */
export function plannedCourses(
  spec: OracleSpec | null,
  { targets, routers, out, steps }: PlannedCourse,
  use: CourseOptions["use"] = null,
): Course[] {
  return coursesOf(spec, {
    use,
    routers,
    start: Array.from({ length: targets }, (_, i) => i).filter((i) => !out.includes(i + 1)),
    events: withLists(steps).map(({ event, members, weights, list }) => ({
      meaning: event,
      weights,
      flows: list,
      members: members.map((number) => number - 1),
    })),
  });
}

/** Sources and ports, the same each time, spread as the traffic program spreads them. */
export function* sampleRows(count: number, sources = ALL_SOURCES): Generator<Row> {
  for (let i = 0; i < count; i++) {
    const word = murmur3(Uint8Array.of(i & 255, (i >> 8) & 255, i >> 16), 1);
    yield {
      srcOffset: 1 + ((word >>> 16) % sources),
      sport: 1024 + (murmur3(Uint8Array.of(i & 255, i >> 8), 2) % 64_512),
    };
  }
}

/** null: nobody can know its target. */
function lossOfFlow(spec: OracleSpec, course: Course, protocol: Protocol, flow: Flow): number | null {
  const hash = hashFlow(spec, flow);
  const target = course.spans[0]?.oracle?.pick(hash) ?? null;
  return target === null ? null : lossAt(spec, course, { protocol, hash, target });
}

/** Of a connection to a target that was chosen before the first event. */
function lossAt(
  spec: OracleSpec,
  course: Course,
  { protocol, hash, target }: Pick<Alive, "protocol" | "hash" | "target">,
): number {
  const change = course.changes[0];
  if (!change) return 0;
  if (change.mute) return Number(target !== null && change.dying?.has(target));
  // Field by field: a spread takes longer than all the rest, and this is asked millions of times.
  return lossProbability(spec, change, { protocol, hash, target, lived: course.lived(0, 0), knownToReturning: false });
}

/** Of a connection whose target nobody can know: by the shares of the targets, or where there are none what is true of all. */
function lossOfUnknown(spec: OracleSpec, course: Course, protocol: Protocol): number | null {
  const [first] = course.spans;
  const shares = first?.oracle?.shares ?? new Map<number, number>();
  const loss = (target: number) => lossAt(spec, course, { protocol, hash: null, target });
  if (shares.size > 0) return [...shares].reduce((sum, [target, share]) => sum + share * loss(target), 0);
  const losses = new Set([...(first?.active ?? [])].map(loss));
  return losses.size === 1 ? ([...losses][0] ?? null) : null;
}

function memo<A extends object, B, R>(of: (a: A, b: B) => R): (a: A, b: B) => R {
  const known = new Map<A, Map<B, R>>();
  return (a, b) => {
    const row = known.get(a) ?? new Map<B, R>();
    known.set(a, row);
    if (!row.has(b)) row.set(b, of(a, b));
    return row.get(b) as R;
  };
}
