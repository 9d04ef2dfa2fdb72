// SPDX-License-Identifier: Apache-2.0
import { meaningOf } from "../events/index.ts";
import { isFoundOut, isRouterDeath } from "../events/meaning.ts";
import { count, plural, was } from "../util/numbers.ts";
import { collideMerits } from "./collide.ts";
import { datagramMerits } from "./datagrams.ts";
import { directMerits } from "./direct.ts";
import { failoverMerits } from "./failover.ts";
import { floodMerits } from "./flood.ts";
import { forgottenMerits } from "./forgotten-text.ts";
import { impairedMerits } from "./impaired.ts";
import { interruptionMerits } from "./interruption-text.ts";
import { outageMerits } from "./outage.ts";
import type { Judged } from "./part.ts";
import { pathMtuMerits } from "./path-mtu.ts";
import { reuseMerits } from "./reuse.ts";
import { roomMerits } from "./room.ts";
import { flowMerits } from "./services.ts";
import { snatMerits } from "./snat.ts";
import { sourcesMerits } from "./sources.ts";
import { spreadAfterEventsMerits } from "./spread-after-events.ts";
import { staleStateMerits } from "./stale-state.ts";
import { tierMerits } from "./tiers.ts";
import { vipMerits } from "./vips.ts";

/** What held, of a run that passes. */
export function merits(summary: Judged): string[] {
  const { assigned, events, packets, userSpace } = summary;
  const tooLarge = packets.icmpErrors ?? 0;
  return [
    ...establishedMerit(summary),
    ...when(
      assigned.checked > 0,
      `Each of ${plural(assigned.checked, "connection")} was answered by the target that the oracle predicted.`,
    ),
    ...datagramMerits(summary),
    ...when(
      tooLarge > 0,
      `${plural(tooLarge, "packet")} ${was(tooLarge)} larger than the path MTU of the replies, and the ICMP errors reached their targets.`,
    ),
    ...eventMerits(events),
    ...affinityMerits(summary),
    ...sourcesMerits(summary),
    ...forgottenMerits(summary),
    ...outageMerits(summary),
    ...impairedMerits(summary),
    ...interruptionMerits(summary),
    ...failoverMerits(summary),
    ...staleStateMerits(summary),
    ...pathMtuMerits(summary),
    ...roomMerits(summary),
    ...snatMerits(summary),
    ...reuseMerits(summary),
    ...directMerits(summary),
    ...collideMerits(summary),
    ...floodMerits(summary),
    ...when(events.length > 0, `No ${summary.forgotten ? "other " : ""}connection was lost outside the events.`),
    ...(userSpace && userSpace.queued < userSpace.packets
      ? [`${count(userSpace.queued)} of ${plural(userSpace.packets, "packet")} for the VIP went to user space.`]
      : []),
    ...spreadAfterEventsMerits(summary),
    ...tierMerits(summary),
    ...vipMerits(summary),
    ...flowMerits(summary),
    ...spreadRemark(summary),
  ];
}

function establishedMerit({ connections: { planned }, pathMtu, room, reuse }: Judged): string[] {
  if (room && room.established < room.connections) return [];
  if (reuse && reuse.goneReturns.lost > 0) return [];
  const due = planned - (pathMtu?.predicted ?? 0);
  if (due < planned) return when(due > 0, `All ${count(due)} connections with small answers were established.`);
  return [planned === 1 ? "The connection was established." : `All ${count(planned)} connections were established.`];
}

const when = (holds: boolean, sentence: string) => (holds ? [sentence] : []);

function eventMerits(all: Judged["events"]): string[] {
  // Where no connection was alive there is nothing to say.
  const events = all.some(({ alive }) => alive > 0) ? all.filter(({ alive }) => alive > 0) : all;
  const exact = events.filter((e) => e.mispredicted === 0 && e.predictedInterval === null).length;
  const byChance = events.filter((e) => e.predictedInterval !== null).length;
  const each = exact === 1 ? "the event" : `all ${exact} events`;
  const some = (part: number) => `${part} of ${events.length} events`;
  return [
    ...when(
      exact > 0,
      `At ${exact === events.length ? each : some(exact)} exactly the predicted connections were lost.`,
    ),
    ...when(
      byChance > 0,
      `At ${byChance === 1 && events.length === 1 ? "the event" : some(byChance)} the losses are random by design, and their number fits the prediction.`,
    ),
    ...events
      .filter((event) => isFoundOut(meaningOf(event)) && !isRouterDeath(meaningOf(event)))
      .map((event) => {
        const { past, found = past } = meaningOf(event).words;
        const seconds = ((event.inForceMs - event.askedMs) / 1000).toFixed(2);
        return `${event.machines.join(", ")} ${found}: the balancer detected it after ${seconds} s.`;
      }),
  ];
}

function spreadRemark({ spread, targets, sources }: Judged): string[] {
  if (spread.chi2P !== null || targets <= 1) return [];
  if (sources && !spread.unpredicted) return ["The spread was not judged: too few sources for the chi-square test."];
  return [
    spread.unpredicted
      ? "The spread was not judged: this strategy has no fixed shares."
      : "The spread was not judged: too few connections for the chi-square test.",
  ];
}

function affinityMerits({ affinity }: Judged): string[] {
  if (!affinity) return [];
  const { sources, inTime, late } = affinity;
  const [low, high] = late.interval;
  return [
    `Each of ${plural(inTime.visits, "visit")} by ${plural(sources, "source")} within the affinity reached the target of the visit before.`,
    ...(late.visits > 0
      ? [
          `${count(late.moved)} of ${plural(late.visits, "visit")} after the affinity expired moved to another target (${low.toFixed(0)} to ${high.toFixed(0)} by chance).`,
        ]
      : []),
  ];
}
