// SPDX-License-Identifier: Apache-2.0

import { meaningOf } from "../events/index.ts";
import { count, plural, was } from "../util/numbers.ts";
import { failoverGaps } from "./failover.ts";
import { floodGaps } from "./flood.ts";
import { FULL_QUEUE } from "./full-queue.ts";
import { impairedGaps } from "./impaired.ts";
import { lateGaps } from "./late.ts";
import type { Evidence, Judged } from "./part.ts";

const LATE_SHARE = 0.02;
/** So many are expected on the target with the smallest share, where there are enough to judge the spread. */
const CONNECTIONS_PER_TARGET = 20;
const UNJUDGED_SHARE = 0.1;

/** Why what the generator saw is no result; null: it kept its schedule. */
export function lateness({ generator }: Judged): string | null {
  const late = generator.lateSends / Math.max(1, generator.sends);
  return late > LATE_SHARE
    ? `The traffic generator fell behind: ${count(generator.lateSends)} of ${plural(generator.sends, "send")} ${was(generator.lateSends)} more than 50 ms late (${(late * 100).toFixed(1)} %, limit ${LATE_SHARE * 100} %). Try a lower --rate or fewer --connections.`
    : null;
}

/** The same of connections that the lab held up, where they are many; few of them excuse no failure. */
export function heldUp({ connections }: Judged, evidence: Pick<Evidence, "late">): string | null {
  const [text = null] = lateGaps(evidence);
  return evidence.late.byLab > LATE_SHARE * connections.planned ? text : null;
}

/** Why what the balancer lost is no result; null: it had its share of the machine, or its queues were long enough. */
export function starvation({ packets, machine }: Judged): string | null {
  const dropped = Object.entries(packets.dropped).reduce((sum, [name, n]) => sum + (FULL_QUEUE.test(name) ? n : 0), 0);
  if (dropped === 0 || machine.disturbed.length === 0) return null;
  const most = Math.max(...machine.disturbed.map(({ cpus }) => cpus));
  return `The balancer's queue was full for ${plural(dropped, "packet")} while other programs took up to ${most.toFixed(1)} CPUs in ${machine.disturbed.length} of ${plural(machine.windows, "second")}: it may have had too little of the machine. Run it again when nothing else runs.`;
}

/** A balancer that took all connections along comes back to none. */
function isStart(event: Judged["events"][number]): boolean {
  const { subject, undoes } = meaningOf(event);
  return subject === "balancer" && undoes !== undefined;
}

/** Why there is no result at all. */
export function gapsOf(summary: Judged, evidence: Evidence): string[] {
  const { smallestShare, outage, comesAgain, unheard } = evidence;
  const { connections, events, packets, spread, targets, scenario, affinity, pathMtu, sources, reuse, direct } =
    summary;
  const enough = Math.ceil(CONNECTIONS_PER_TARGET / (smallestShare ?? 1 / targets) - 1e-6);
  const checks: [boolean, string][] = [
    [connections.established === 0 && !pathMtu?.predicted, "No connection was established."],
    [
      !comesAgain && events.some((e) => e.alive === 0 && !(outage && meaningOf(e).effect === "join") && !isStart(e)),
      "No connection was alive at an event.",
    ],
    [
      packets.icmpErrors === 0 && !pathMtu,
      "No packet was larger than the path MTU of the replies, so no ICMP error was needed. Try a larger --size.",
    ],
    [
      unheard > 0,
      `An event came into force so late that ${plural(unheard, "connection")} sent nothing between it and the next one, or the end: nobody knows whether they were lost. Try events farther apart with --at and --duration.`,
    ],
    [packets.sent === 0, "No packets were counted, so none can be accounted for."],
    [
      scenario === "connect" && targets > 1 && spread.chi2P === null && !spread.unpredicted && !sources,
      `Too few connections to judge the spread over ${plural(targets, "target")}. Try --connections ${enough}.`,
    ],
  ];
  if (reuse && reuse.unjudged > (reuse.returns + reuse.unjudged) * UNJUDGED_SHARE)
    checks.push([true, `${count(reuse.unjudged)} 5-tuples could not be opened again: others were taken.`]);
  if (direct) {
    const { toSame, toOther, unjudged } = direct;
    const judged = [toSame, toOther].reduce(
      (sum, { lives, lost, ended, astray }) => sum + lives + lost + ended + astray,
      0,
    );
    checks.push([
      unjudged > (judged + unjudged) * UNJUDGED_SHARE,
      `${plural(unjudged, "connection")} to a target's own address had another port, or none to the VIP beside them.`,
    ]);
  }
  if (affinity) {
    const { inTime, late, unjudged } = affinity;
    const judged = inTime.visits + late.visits;
    checks.push(
      [inTime.visits === 0, "No source came back before its affinity expired. Try visits closer together with --at."],
      [
        unjudged > judged * UNJUDGED_SHARE,
        `${count(unjudged)} of ${plural(unjudged + judged, "visit")} came too close to the end of the affinity to be judged. Try other times with --at.`,
      ],
    );
  }
  return [
    ...impairedGaps(summary, evidence),
    ...lateGaps(evidence),
    ...floodGaps(summary),
    ...failoverGaps(summary),
    ...checks.flatMap(([bad, text]) => (bad ? [text] : [])),
  ];
}
