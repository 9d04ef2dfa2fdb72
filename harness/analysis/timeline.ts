// SPDX-License-Identifier: Apache-2.0

import { meaningOf } from "../events/index.ts";
import { isRouterDeath, memberNoun } from "../events/meaning.ts";
import { byRouter, type Course, coursesOf } from "../oracle/course.ts";
import type { Flow } from "../oracle/hash.ts";
import type { Oracle } from "../oracle/oracle.ts";
import type { Connection, Event, EventMeaning, EventOf, StreamStart } from "../record/schema.ts";
import { type Announced, type Ways, waysOf } from "./rerouted.ts";
import { useOf } from "./use.ts";

/** A span in which one set of targets is active, as the record tells it. */
export interface Stage {
  /** When the change to this stage was asked for, and from when on it is certain; equal for the first stage. */
  requestedT: number;
  effectiveT: number;
  /** By name. */
  active: ReadonlySet<string>;
  oracle: Oracle | null;
}

/** What one router lived through. */
export interface View {
  course: Course;
  /** stages[i + 1] begins with event i. */
  stages: readonly Stage[];
}

export interface Timeline {
  /** Start of the traffic: zero of every time that a user sees. */
  t0: number;
  endT: number;
  deployed: EventOf<"deployed">;
  streams: Map<string, StreamStart>;
  /** Those that go past the balancer to targets' own addresses, and those of attackers. */
  aside: Map<string, StreamStart>;
  scales: (EventOf<"scale"> & { meaning: EventMeaning })[];
  /** As the first router knows them. */
  stages: readonly Stage[];
  /** Share of all connections that the oracle gives each target that is active at first; null: it says nothing of them. */
  shares: ReadonlyMap<string, number> | null;
  /** The same for any stage. */
  sharesIn(stage: Stage | undefined): ReadonlyMap<string, number> | null;
  /** By router; routers that were told the same share one. */
  views: readonly View[];
  /** The view of the router that a flow crosses. */
  viewOf(flow: Flow): View;
  /** How routers that die are found; null: none does. */
  announced: Announced | null;
  /** Which routers flows cross then; null: none dies. */
  ways: Ways | null;
  /** The index of that router; null: nobody knows it. */
  routerOf: ((flow: Flow) => number) | null;
}

/**
 * `targets` are all targets by name, in the order of their indices, `routers` likewise; `connections` are for strategies that depend on
 * what they did. null when the run ended before there was traffic.
 */
export function buildTimeline(
  events: readonly Event[],
  targets: readonly string[],
  routers: readonly string[],
  connections: Iterable<Connection> = [],
): Timeline | null {
  const of = <K extends Event["kind"]>(kind: K) => events.filter((e): e is EventOf<K> => e.kind === kind);
  const [deployed] = of("deployed");
  const started = of("stream_start");
  const isAside = ({ direct, attack }: StreamStart) => direct !== undefined || attack !== undefined;
  const streams = started.filter((stream) => !isAside(stream));
  if (!deployed || streams.length === 0) return null;
  const [routing] = of("routing");
  const [announce] = of("announce");
  const announced = announce ? { ...announce, hash: routing?.hash ?? null } : null;
  const scales = of("scale").map((scale) => ({ ...scale, meaning: foundOrNot(scale, announced) }));
  const numbers = [...routers.keys()];
  const routerOf = routing && routers.length > 1 ? byRouter(numbers, routing.hash) : null;
  const ends = of("stream_end").map((e) => e.t);
  const endT = Math.max(...(ends.length > 0 ? ends : events.map((e) => e.t)));
  const isKnown = (routerOf || routers.length < 2) && scales.every(({ meaning }) => meaning.subject === "targets");
  const spans = [deployed.t, ...scales.map(({ effectiveT }) => effectiveT), endT];
  const courses = coursesOf(deployed.oracle, {
    use: isKnown ? useOf(deployed.oracle, { streams, connections, routerOf, spans }) : null,
    routers: Math.max(1, routers.length),
    start: indicesOf(deployed.active, targets),
    events: scales.map(({ meaning, machines, weights, flows }) => ({
      meaning,
      weights,
      flows,
      members: indicesOf(machines, memberNoun(meaning) === "target" ? targets : routers),
    })),
  });
  const views = viewsOf(courses, [{ requestedT: deployed.t, effectiveT: deployed.t }, ...scales], targets);
  const [first] = views as [View];
  return {
    t0: Math.min(...streams.map((s) => s.t)),
    endT,
    deployed,
    streams: new Map(streams.map((s) => [s.stream, s])),
    aside: new Map(started.filter(isAside).map((s) => [s.stream, s])),
    scales,
    stages: first.stages,
    shares: sharesOf(first.stages[0], targets),
    sharesIn: (stage) => sharesOf(stage, targets),
    views,
    announced,
    ways: announced && waysOf({ scales, oracle: deployed.oracle, announced }, routers),
    viewOf: routing ? byRouter(views, routing.hash) : () => first,
    routerOf,
  };
}

/** Where nobody finds out, what a dead router does not let pass never passes. */
function foundOrNot(scale: EventOf<"scale">, announced: Announced | null): EventMeaning {
  const meaning = meaningOf({ ...scale, kind: scale.action });
  const isForGood = announced?.by === "none" && isRouterDeath(meaning) && meaning.effect === "leave";
  return isForGood ? { ...meaning, interrupts: true } : meaning;
}

function indicesOf(names: readonly string[], all: readonly string[]): number[] {
  return names.map((name) => all.indexOf(name)).filter((index) => index >= 0);
}

function viewsOf(
  courses: readonly Course[],
  times: readonly Pick<Stage, "requestedT" | "effectiveT">[],
  targets: readonly string[],
): View[] {
  const made = new Map<Course, View>();
  return courses.map((course) => {
    const stages = course.spans.map(({ active, oracle }, i): Stage => {
      const { requestedT, effectiveT } = times[i] as Stage;
      return { requestedT, effectiveT, active: new Set([...active].flatMap((index) => targets[index] ?? [])), oracle };
    });
    const view = made.get(course) ?? { course, stages };
    made.set(course, view);
    return view;
  });
}

function sharesOf(stage: Stage | undefined, targets: readonly string[]): Timeline["shares"] {
  const shares = stage?.oracle?.shares;
  return shares && shares.size > 0 ? new Map([...shares].map(([index, share]) => [targets[index] ?? "", share])) : null;
}
