// SPDX-License-Identifier: Apache-2.0
// What follows from an event's meaning. Pure.
import type { EventMeaning } from "../record/schema.ts";

/** What an event's members are. */
export function memberNoun({ subject }: Pick<EventMeaning, "subject">): "target" | "router" {
  return subject === "targets" ? "target" : "router";
}

/** Whether the router with this index, of so many, is told. */
export function isTold({ told }: Pick<EventMeaning, "told">, router: number, routers: number): boolean {
  switch (told) {
    case "all":
      return true;
    case "all_but_last":
      return router !== routers - 1;
    case "last":
      return router === routers - 1;
  }
}

/** Members that leave without a word are dead, and some of which it is told: connections to them see only silence, as to the deaf. */
export function isSilent({
  effect,
  announced,
  dead,
  mute,
}: Pick<EventMeaning, "effect" | "announced" | "dead" | "mute">): boolean {
  return mute === true || (effect === "leave" && (!announced || dead === true));
}

/** Whether the balancer has something to find out by itself. */
export function isFoundOut({ effect, announced }: Pick<EventMeaning, "effect" | "announced">): boolean {
  return effect !== "none" && !announced;
}

/** Whether connections that stay may have no answer for a while: what is missed is recorded then. */
export function showsSilence(meaning: Pick<EventMeaning, "subject" | "interrupts" | "announced">): boolean {
  return meaning.subject === "balancer" || meaning.interrupts === true || isRouterDeath(meaning);
}

/** Whether routers die or come back, and tester and targets have to find out. */
export function isRouterDeath({ subject, announced }: Pick<EventMeaning, "subject" | "announced">): boolean {
  return subject === "routers" && !announced;
}

/** Whether it takes back what events of this kind did. */
export function isUndoing({ undoes }: Pick<EventMeaning, "undoes">, kind: string): boolean {
  return typeof undoes === "string" ? undoes === kind : (undoes?.includes(kind) ?? false);
}

/** A change that the plan or the record has, with its members in one of their terms: numbers, indices or names. */
export interface Happening<Member> {
  meaning: EventMeaning;
  members: readonly Member[];
  /** Of all targets from then on, in the order of their indices. Absent: as they were. */
  weights?: readonly number[] | undefined;
  /** Number of the list of flows that is in force from then on. Absent: as it was. */
  flows?: number | undefined;
}

/**
 * Which members of `subject` are in use at the start and after each of the events, as one router of so many knows it. The one
 * answer to this question: conductor, timeline, plan and theory ask it.
 */
export function inUse<Member>(
  subject: "targets" | "routers",
  start: Iterable<Member>,
  events: readonly Happening<Member>[],
  view: { router: number; routers: number },
): ReadonlySet<Member>[] {
  const sets: Set<Member>[] = [new Set(start)];
  for (const { meaning, members } of events) {
    const now = new Set(sets.at(-1));
    if (meaning.subject === subject && isTold(meaning, view.router, view.routers))
      for (const member of members) {
        if (meaning.effect === "leave") now.delete(member);
        else if (meaning.effect === "join") now.add(member);
      }
    sets.push(now);
  }
  return sets;
}

/** How many of so many connections have to move when `after` members are in use instead of `before`, if none moves needlessly. */
export function idealLoss(before: number, after: number, connections = 1): number {
  return (connections * Math.abs(before - after)) / Math.max(before, after, 1);
}
