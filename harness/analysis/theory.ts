// SPDX-License-Identifier: Apache-2.0
// What a strategy is expected to lose of flows that nobody has drawn yet: the loss that the verdict predicts for each connection, averaged.
import type { EventDefinition } from "../api/event.ts";
import { idealLoss } from "../events/meaning.ts";
import { byRouter, type Course, coursesOf, TESTER_HASH } from "../oracle/course.ts";
import { type Flow, murmur3 } from "../oracle/hash.ts";
import { type Alive, lossProbability } from "../oracle/loss.ts";
import { hashFlow, type OracleSpec } from "../oracle/oracle.ts";
import type { Connection, Protocol, StreamStart } from "../record/schema.ts";
import { flowReader } from "./flows.ts";

const SAMPLES = 65_536;
const ALL_SOURCES = 65_534;

/** The network that a stream's flows are drawn from, and what they go to. */
export type FlowSource = Pick<StreamStart, "srcCidr" | "sources" | "dst" | "dport" | "protocol">;
type Row = Pick<Connection, "srcOffset" | "sport">;

export interface PlannedCourse {
  targets: number;
  routers: number;
  /** Target numbers (from 1) that are out at the start. */
  out: readonly number[];
  steps: readonly { event: EventDefinition; members: readonly number[] }[];
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
  const ideal = before && after ? idealLoss(before.active.size, after.active.size) : 0;
  if (spec === null || !after) return { share: null, ideal };
  const courseOf = plan.steps.some(({ event }) => event.told !== "all")
    ? byRouter(courses, TESTER_HASH)
    : () => courses[0];
  const blind = memo((course: Course, protocol: Protocol) => lossOfUnknown(spec, course, protocol));
  let lost = 0;
  for (const source of sources) {
    const flowOf = flowReader(source);
    for (const row of sampleRows(samples / sources.length, source.sources)) {
      const flow = flowOf(row);
      const course = courseOf(flow);
      if (!course) continue;
      const loss = lossOfFlow(spec, course, source.protocol, flow) ?? blind(course, source.protocol);
      if (loss === null) return { share: null, ideal };
      lost += loss;
    }
  }
  return { share: lost / samples, ideal };
}

/** By router, as the timeline of the run will have them. */
function plannedCourses(spec: OracleSpec | null, { targets, routers, out, steps }: PlannedCourse): Course[] {
  return coursesOf(spec, {
    routers,
    start: Array.from({ length: targets }, (_, i) => i).filter((i) => !out.includes(i + 1)),
    events: steps.map(({ event, members }) => ({ meaning: event, members: members.map((number) => number - 1) })),
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
function lossAt(spec: OracleSpec, course: Course, alive: Pick<Alive, "protocol" | "hash" | "target">): number {
  const [change] = course.changes;
  if (!change) return 0;
  return lossProbability(spec, change, { ...alive, lived: course.lived(0, 0), knownToReturning: false });
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
