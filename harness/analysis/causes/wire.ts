// SPDX-License-Identifier: Apache-2.0
// Losses that neither an event nor a fault of the lab explains, by where the connection's packets went.
import type { Cause, RootCause } from "../../record/schema.ts";
import { hopText } from "../../tap/journey.ts";
import type { KernelDrop } from "../../tap/records.ts";
import { decisionsOf } from "./decision.ts";
import { at, type CauseRule, type Loss, type RunFacts } from "./define.ts";
import { icmpCause } from "./icmp.ts";
import { dropsOf, type End, endOf, icmpOf, resetOf, targetsOf } from "./journey.ts";
import { dropText, KERNEL_CAUSES, kernelCause } from "./kernel.ts";

/** The target that answered, or reset it, instead of its own. */
function strangerOf(loss: Loss, run: RunFacts): string | null {
  const { target, movedTo } = loss.row.connection;
  const from = movedTo ?? resetOf(loss, run)?.from ?? null;
  return from !== null && from !== target && run.targets.includes(from) ? from : null;
}

function strangerText(loss: Loss, run: RunFacts): string {
  const stranger = strangerOf(loss, run);
  const reset = resetOf(loss, run);
  const how =
    loss.row.connection.movedTo === null && reset
      ? `RST by ${stranger} at ${at(run, reset.t)}, which never had this connection`
      : `${stranger} answered at ${at(run, loss.row.lossT)}`;
  if (loss.event)
    return `${how}, after ${loss.event.action} at ${at(run, loss.event.effectiveT)}, against the prediction`;
  const due = decisionsOf(loss, run)?.before.target;
  return `${how}${due ? `; its table says ${due}` : ""}, and no event had changed that`;
}

/** Only packets of which all hops were seen tell that none came to the stranger. */
const isForged = (loss: Loss, run: RunFacts): boolean =>
  run.tapMode === "full" && resetOf(loss, run) !== null && !targetsOf(loss, run).includes(strangerOf(loss, run) ?? "");

/** The last packet of it that a kernel dropped once it was silent, if no further hop contradicts. */
function fatalDropOf(loss: Loss, run: RunFacts): KernelDrop | null {
  const { row } = loss;
  if (run.drops.size === 0 || !isSilence(row.connection.cause)) return null;
  const last = dropsOf(loss, run).findLast((drop) => kernelCause(drop, run.routers) !== null) ?? null;
  const sinceT = row.lossT - row.stream.intervalUs * 1000;
  const end = endOf(loss, run);
  return last && last.t >= sinceT && (end === null || end.to === last.machine) ? last : null;
}

const byKernel = (cause: RootCause): CauseRule => ({
  cause,
  holds: (loss, run) => {
    const drop = fatalDropOf(loss, run);
    return drop !== null && kernelCause(drop, run.routers) === cause;
  },
  because: (loss, run) => {
    const drop = fatalDropOf(loss, run);
    return drop ? `${dropText(drop, "its packets")} (the kernel's reason)` : "";
  },
});

const byIcmp = (cause: RootCause): CauseRule => ({
  cause,
  holds: (loss, run) => icmpCause(icmpOf(loss, run)) === cause,
  because: (loss, run) => {
    const hop = icmpOf(loss, run);
    return hop ? `${hop.from} sent ${hopText(hop)} about it at ${at(run, hop.t)}` : "";
  },
});

const isSilence = (cause: Cause): boolean => cause === "stalled" || cause === "timeout";

const endedAt = (loss: Loss, run: RunFacts, fits: (end: End) => boolean): boolean => {
  const end = endOf(loss, run);
  return end !== null && fits(end);
};

const isAtRouter = (run: RunFacts) => (end: End) => run.routers.has(end.to ?? "");
const isAtTarget = (run: RunFacts) => (end: End) => run.targets.includes(end.to ?? "");

/** Its packets ended in a machine of which a counter grew that says why. */
const byCounter = (cause: RootCause, counters: readonly string[], what: string): CauseRule => ({
  cause,
  holds: (loss, run) =>
    endedAt(loss, run, ({ to }) => to !== null && counters.some((counter) => run.grown(to, counter) > 0)),
  because: (loss, run) => `${endText(loss, run)}, where ${what}`,
});

function endText(loss: Loss, run: RunFacts): string {
  const end = endOf(loss, run);
  return `its ${end?.isAnswer ? "answers" : "packets"} went from ${end?.from} to ${end?.to} and no further`;
}

export const WIRE: readonly CauseRule[] = [
  {
    cause: "foreign_reset",
    holds: (loss, run) => strangerOf(loss, run) !== null && isForged(loss, run),
    because: (loss, run) => {
      const reset = resetOf(loss, run);
      return `RST by ${reset?.from} at ${at(run, reset?.t ?? 0)}, to which no packet of the connection had gone`;
    },
  },
  {
    cause: "moved_by_table",
    holds: (loss, run) => loss.event !== null && strangerOf(loss, run) !== null,
    because: strangerText,
  },
  {
    cause: "stale_table",
    holds: (loss, run) => strangerOf(loss, run) !== null && run.strayRouter !== null,
    because: (loss, run) => `${strangerText(loss, run)}; all such connections cross ${run.strayRouter}`,
  },
  { cause: "misrouted", holds: (loss, run) => strangerOf(loss, run) !== null, because: strangerText },
  {
    cause: "dropped_by_router",
    holds: (loss, run) => run.routers.has(resetOf(loss, run)?.from ?? ""),
    because: (loss, run) => {
      const reset = resetOf(loss, run);
      return `${reset?.from} itself refused it by a RST at ${at(run, reset?.t ?? 0)}`;
    },
  },
  ...(["mtu", "no_route", "target_dead"] as const).map(byIcmp),
  {
    cause: "target_dead",
    holds: (loss, run) => resetOf(loss, run)?.from === loss.row.connection.target && resetOf(loss, run) !== null,
    because: (loss, run) => `${loss.row.connection.target} itself reset it at ${at(run, resetOf(loss, run)?.t ?? 0)}`,
  },
  {
    cause: "no_route",
    holds: ({ row }, { unreachable }) =>
      isSilence(row.connection.cause) && unreachable.has(row.connection.target ?? ""),
    because: ({ row }, run) => {
      const hop = run.unreachable.get(row.connection.target ?? "");
      return hop
        ? `${hop.from} sent ${hopText(hop)} about another connection of ${row.connection.target} at ${at(run, hop.t)}`
        : "";
    },
  },
  ...KERNEL_CAUSES.map(byKernel),
  byCounter(
    "queue_overrun",
    [
      ...["nfqueue", "loaded"].flatMap((name) => [`drop.${name}_queue_dropped`, `drop.${name}_user_dropped`]),
      "drop.xdp_socket_no_buffer",
      "drop.xdp_socket_ring_full",
    ],
    "the balancer's queue was full",
  ),
  byCounter("reverse_path_filter", ["reversePath"], "the reverse path filter dropped packets"),
  byCounter("not_tracked", ["drop.conntrack_drop"], "conntrack dropped packets"),
  byCounter("mtu", ["fragmentationFailed"], "packets were too large for the next link"),
  byCounter("checksum", ["drop.checksum"], "packets had wrong checksums"),
  byCounter("no_route", ["drop.no_route"], "packets had no route"),
  byCounter("target_full", ["listenFull"], "the listen queue was full"),
  {
    cause: "dropped_by_router",
    holds: (loss, run) => endedAt(loss, run, isAtRouter(run)),
    because: endText,
  },
  {
    cause: "target_slow",
    holds: (loss, run) => endedAt(loss, run, isAtTarget(run)),
    because: (loss, run) => `${endText(loss, run)}: the target did not answer`,
  },
  {
    cause: "link_loss",
    holds: (loss, run) => endedAt(loss, run, () => true),
    because: endText,
  },
];
