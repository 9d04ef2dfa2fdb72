// SPDX-License-Identifier: Apache-2.0
import { meaningOf } from "../events/index.ts";
import { isFoundOut } from "../events/meaning.ts";
import { datagramMerits } from "./datagrams.ts";
import type { Judged } from "./part.ts";

const n = (count: number) => count.toLocaleString("en-US");

/** What held, of a run that passes. */
export function merits(summary: Judged): string[] {
  const { assigned, connections, events, packets, userSpace } = summary;
  const tooLarge = packets.icmpErrors ?? 0;
  return [
    `All ${n(connections.planned)} connections were established.`,
    ...when(
      assigned.checked > 0,
      `Each of ${n(assigned.checked)} connections was answered by the target that the oracle predicted.`,
    ),
    ...datagramMerits(summary),
    ...when(
      tooLarge > 0,
      `${n(tooLarge)} packets were too large for the way back, and the ICMP errors found their targets.`,
    ),
    ...eventMerits(events),
    ...affinityMerits(summary),
    ...when(events.length > 0, "No connection was lost outside the events."),
    ...(userSpace && userSpace.queued < userSpace.packets
      ? [`${n(userSpace.queued)} of ${n(userSpace.packets)} packets for the VIP went to user space.`]
      : []),
    ...spreadRemark(summary),
  ];
}

const when = (holds: boolean, sentence: string) => (holds ? [sentence] : []);

function eventMerits(events: Judged["events"]): string[] {
  const exact = events.filter((e) => e.mispredicted === 0 && e.predictedInterval === null).length;
  const byChance = events.filter((e) => e.predictedInterval !== null).length;
  const all = exact === 1 ? "the event" : `all ${exact} events`;
  const some = (part: number) => `${part} of ${events.length} events`;
  return [
    ...when(
      exact > 0,
      `At ${exact === events.length ? all : some(exact)} exactly the predicted connections were lost, one by one.`,
    ),
    ...when(
      byChance > 0,
      `At ${byChance === 1 && events.length === 1 ? "the event" : some(byChance)} the strategy leaves to chance which connections are lost; as many were as it predicts.`,
    ),
    ...events
      .filter((event) => isFoundOut(meaningOf(event)))
      .map((event) => {
        const { past, found = past } = meaningOf(event).words;
        const seconds = ((event.inForceMs - event.askedMs) / 1000).toFixed(2);
        return `That ${event.machines.join(", ")} ${found} the balancer found out by itself after ${seconds} s.`;
      }),
  ];
}

function spreadRemark({ spread, targets }: Judged): string[] {
  if (spread.chi2P !== null || targets <= 1) return [];
  return [
    spread.unpredicted
      ? "The spread was not judged: this strategy has no shares that hold."
      : "The spread was not judged: too few connections for the chi-square test.",
  ];
}

function affinityMerits({ affinity }: Judged): string[] {
  if (!affinity) return [];
  const { sources, inTime, late } = affinity;
  const [low, high] = late.interval;
  return [
    `Each of ${n(inTime.visits)} visits by ${n(sources)} sources in time came to the target of the visit before.`,
    ...(late.visits > 0
      ? [
          `Of ${n(late.visits)} visits after the affinity had expired ${n(late.moved)} came to another target; chance explains ${low.toFixed(0)} to ${high.toFixed(0)}.`,
        ]
      : []),
  ];
}
