// SPDX-License-Identifier: Apache-2.0
// Gathers what of a run's record bears on its losses.
import type { Event, EventOf, RunInfo } from "../../record/schema.ts";
import { type Hop, isReset, type Journeys, tappedIn } from "../../tap/journey.ts";
import { isTester } from "../../topology/topology.ts";
import { forgettingReasons } from "../forgotten.ts";
import { earlyEnds, faultySilences } from "../lab-faults.ts";
import { counted } from "../packets.ts";
import type { Timeline } from "../timeline.ts";
import type { RunFacts } from "./define.ts";
import { icmpCause } from "./icmp.ts";

export interface Known {
  run: RunInfo;
  /** packets.bin. */
  packets?: Buffer | undefined;
  events: readonly Event[];
  timeline: Timeline;
}

export function factsOf({ run, events, timeline, packets }: Known): RunFacts {
  const tapped = packets ? tappedIn(packets) : { journeys: new Map(), drops: new Map() };
  const { journeys } = tapped;
  const grown = new Map(counted(events).map(({ machine, deltas }) => [machine, new Map(deltas)]));
  const of = <K extends Event["kind"]>(kind: K) => events.filter((e): e is EventOf<K> => e.kind === kind);
  return {
    timeline,
    targets: run.targets,
    routers: new Set(run.routers),
    silences: faultySilences(events),
    endedEarly: new Set(earlyEnds(events).map(({ stream }) => stream)),
    broken: of("error").filter(({ about }) => about !== undefined),
    faults: of("fault"),
    ...tapped,
    tapMode: of("tap")[0]?.mode ?? null,
    strayRouter: strayRouterOf(journeys, run),
    unreachable: unreachableOf(journeys, run),
    forgets: forgettingReasons(timeline, events),
    grown: (machine, counter) => grown.get(machine)?.get(counter) ?? 0,
  };
}

/** Of connections that another target reset than the one that their SYN went to, the router of all. */
function strayRouterOf(journeys: Journeys, { targets, routers }: RunInfo): string | null {
  if (routers.length < 2) return null;
  const [isTarget, isRouter] = [new Set(targets), new Set(routers)];
  const astray = new Set<string>();
  for (const hops of journeys.values()) {
    const first = hops.find(({ isRequest, to }) => isRequest && to !== null && isTarget.has(to));
    const reset = hops.find((hop) => isReset(hop) && isTarget.has(hop.from));
    if (first && reset && reset.from !== first.to && isRouter.has(first.from)) astray.add(first.from);
  }
  const [only] = astray;
  return astray.size === 1 ? (only ?? null) : null;
}

/** Whose machine a connection was on is told by where its first packet went. */
function unreachableOf(journeys: Journeys, { targets }: RunInfo): Map<string, Hop> {
  const isTarget = new Set(targets);
  const found = new Map<string, Hop>();
  for (const hops of journeys.values()) {
    const target = hops.find(({ isRequest, to }) => isRequest && to !== null && isTarget.has(to))?.to;
    const error = hops.find(({ icmp, from }) => icmp !== null && !isTester(from));
    if (target && error && icmpCause(error) === "no_route" && !found.has(target)) found.set(target, error);
  }
  return found;
}
