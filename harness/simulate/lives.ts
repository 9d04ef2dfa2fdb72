// SPDX-License-Identifier: Apache-2.0
// The connections of a planned case as its oracle has them, one after the other: opened, lost at a change, opened again.
import { plannedCourses } from "../analysis/theory.ts";
import { byRouter, type Course, type CourseOptions, frontHash, TESTER_HASH } from "../oracle/course.ts";
import { memoryLimits } from "../oracle/forgetting.ts";
import type { Flow } from "../oracle/hash.ts";
import type { OracleSpec } from "../oracle/oracle.ts";
import { chooserByLoad } from "../oracle/strategies/registry.ts";
import { forgets } from "../run/obstacles.ts";
import type { PlannedCase } from "../run/planned-case.ts";
import { eventsUntil } from "./events-until.ts";
import { Fates } from "./fates.ts";
import { type FlowDrawer, flowsOf } from "./flows.ts";
import { loadedLives } from "./loaded.ts";
import { rememberedLives } from "./remembered.ts";

/** The same object each time: copy what is to stay. */
export interface Life {
  id: number;
  /** 0 for the first connection of this number, 1 after it was lost and opened again, and so on. */
  generation: number;
  /** Index of its target; NO_TARGET: there is none. */
  target: number;
  /** It was opened after so many events. */
  span: number;
  /** Index of the event that it is lost at; as many as there are events: none. */
  lostAt: number;
  /** It lives at the events before that index, from `span` on. */
  leaves: number;
  /** Where its packets go from then on. */
  next: number;
  /** When a message came for which it was forgotten, and was lost by that. Absent: that it is not. */
  forgottenUs?: number | undefined;
}

export interface World {
  spec: OracleSpec;
  courses: readonly Course[];
  /** By stream of the load. */
  drawers: readonly FlowDrawer[];
  events: number;
  each(drawer: FlowDrawer, visit: (life: Life) => void): void;
}

/** `use`: when flows send, for strategies that depend on it; null: all the time. */
export function worldOf(planned: PlannedCase, spec: OracleSpec, use: CourseOptions["use"] = null): World {
  const { plan, load, seed, routers, options } = planned;
  const courses = plannedCourses(spec, { targets: options.targets, routers, ...plan }, use);
  const facts = { protocol: load.protocol, targets: options.targets };
  const made = new Map(courses.map((course) => [course, new Fates(spec, course, facts)]));
  const all = courses.map((course) => made.get(course) as Fates);
  const [first] = all as [Fates];
  const hash = plan.front ? frontHash(plan.front.seed) : TESTER_HASH;
  const atUs = plan.steps.map(({ atS }) => atS * 1e6);
  const fatesOf: ((flow: Flow) => Fates) | null = made.size > 1 ? byRouter(all, hash) : null;
  const drawers = flowsOf(spec, { ...load, seed });
  const limits = memoryLimits(spec);
  const [course] = courses as [Course];
  const chronicle = chooserByLoad(spec) ? loadedLives({ spec, course, drawers, load, atUs }) : null;
  const lives =
    chronicle ??
    (limits && forgets(planned).length > 0
      ? rememberedLives({
          spec,
          limits,
          fates: first,
          course,
          drawers,
          load,
          atUs,
          seed,
        })
      : null);
  return {
    spec,
    courses,
    drawers,
    events: first.events,
    each(drawer, visit) {
      if (lives) return retell(drawer, lives.get(drawer) ?? [], visit);
      const { connections, part } = drawer.stream;
      for (let id = part.number - 1; id < connections; id += part.of)
        liveOne(drawer, id, { first, fatesOf, atUs, visit });
    },
  };
}

/** The 5-tuple of each is drawn again: rows are made of it. */
function retell(
  drawer: FlowDrawer,
  lives: readonly (readonly Omit<Life, "id">[])[],
  visit: (life: Life) => void,
): void {
  for (const [id, own] of lives.entries())
    for (const one of own ?? []) {
      drawer.draw(id, one.generation);
      visit({ id, ...one });
    }
}

const MOST_GENERATIONS = 2 ** 16;
const life: Life = { id: 0, generation: 0, target: 0, span: 0, lostAt: 0, leaves: 0, next: 0 };
const opened = { hash: 0, chance: 0, span: 0 };

interface Rules {
  first: Fates;
  fatesOf: ((flow: Flow) => Fates) | null;
  /** When the events come; microseconds. */
  atUs: readonly number[];
  visit: (life: Life) => void;
}

function liveOne(drawer: FlowDrawer, id: number, { first, fatesOf, atUs, visit }: Rules): void {
  const { plan } = drawer.stream;
  life.id = id;
  opened.span = plan ? eventsUntil(atUs, plan.startUs[id] as number) : 0;
  const until = plan ? eventsUntil(atUs, plan.endUs[id] as number) : first.events;
  for (let generation = 0; ; generation++) {
    opened.hash = drawer.draw(id, generation);
    opened.chance = drawer.chance(id, generation);
    const fates = fatesOf ? fatesOf(drawer.flow) : first;
    life.generation = generation;
    life.span = opened.span;
    life.target = fates.targetOf(opened);
    life.lostAt = fates.lostAt(opened, life.target);
    const isLost = life.lostAt < until;
    if (!isLost) life.lostAt = fates.events;
    life.leaves = isLost ? life.lostAt + 1 : until;
    opened.span = life.lostAt + 1;
    // What is left to chance is drawn again.
    if (isLost) opened.chance = drawer.chance(id, generation + MOST_GENERATIONS);
    life.next = isLost ? fates.targetOf(opened) : life.target;
    visit(life);
    // What comes and goes by a plan is not opened again.
    if (!isLost || plan) return;
  }
}
