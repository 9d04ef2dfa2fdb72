// SPDX-License-Identifier: Apache-2.0
// Connections counted, not recorded: so many that no record could hold them. One number for each pair of spans is all that is kept.

import type { Plan } from "../api/scenario.ts";
import { idealShare } from "../oracle/course.ts";
import type { World } from "./lives.ts";

interface CountedEvent {
  kind: string;
  /** Target numbers, from 1. */
  members: readonly number[];
  atS: number;
  alive: number;
  lost: number;
  ideal: number;
}

export interface Counted {
  connections: number;
  events: CountedEvent[];
  /** Connections that were lost, and those of them that had to be: their target had left. */
  lost: number;
  ideal: number;
  /** Of the first connections, on the target that has most, as a multiple of the mean. */
  maxOverMean: number;
}

export function countLives(world: World, plan: Plan): Counted {
  const { courses, drawers, spec, events: count } = world;
  const size = count + 1;
  /** By the event before it came, and the first that it does not live at. */
  const lives = new Float64Array(size * size);
  const lostAt = new Float64Array(size);
  const first = new Map<number, number>();
  let connections = 0;
  for (const drawer of drawers)
    world.each(drawer, ({ generation, span, lostAt: lossEvent, leaves, target }) => {
      lives[span * size + leaves] = (lives[span * size + leaves] as number) + 1;
      lostAt[lossEvent] = (lostAt[lossEvent] as number) + 1;
      if (generation > 0) return;
      connections++;
      first.set(target, (first.get(target) ?? 0) + 1);
    });
  const [course] = courses;
  const sizeOf = (span: number) => course?.spans[span]?.active.size ?? 0;
  const sums = suffixSums(lives, size);
  const aliveAt = (event: number, sinceSpan: number) => {
    let sum = 0;
    for (let span = sinceSpan; span <= event; span++) sum += sums[span * size + event + 1] as number;
    return sum;
  };
  const events = plan.steps.map(({ event, members, atS }, i): CountedEvent => {
    const alive = aliveAt(i, 0);
    const lost = lostAt[i] as number;
    const movable = aliveAt(i, movableSpan(plan, i));
    const ideal = movable * idealShare(course?.spans[i], course?.spans[i + 1], spec);
    return { kind: event.kind, members, atS, alive, lost, ideal };
  });
  const sum = (of: (event: CountedEvent) => number) => events.reduce((total, event) => total + of(event), 0);
  return {
    connections,
    events,
    lost: sum(({ lost }) => lost),
    ideal: sum(({ ideal }) => ideal),
    maxOverMean: (Math.max(0, ...first.values()) * sizeOf(0)) / Math.max(1, connections),
  };
}

/** By span and event: connections of that span which live at the event before. */
function suffixSums(lives: Float64Array, size: number): Float64Array {
  const sums = lives.slice();
  for (let span = 0; span < size; span++)
    for (let event = size - 2; event >= 0; event--) {
      const at = span * size + event;
      sums[at] = (sums[at] as number) + (sums[at + 1] as number);
    }
  return sums;
}

/** Connections opened since that span have to make room at event i: where targets return, those from after they left. */
function movableSpan({ steps }: Plan, i: number): number {
  const step = steps[i];
  if (step?.event.effect !== "join") return 0;
  const left = steps
    .slice(0, i)
    .findLastIndex(
      ({ event, members }) => event.kind === step.event.undoes && members.some((m) => step.members.includes(m)),
    );
  return left + 1;
}
