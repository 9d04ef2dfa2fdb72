// SPDX-License-Identifier: Apache-2.0
// What a lost connection's packets are evidence of: who reset it, who sent an ICMP error, where its packets ended.
import { clientKey } from "../../tap/client-key.ts";
import { type Hop, isReset } from "../../tap/journey.ts";
import type { KernelDrop } from "../../tap/records.ts";
import { isTester } from "../../topology/topology.ts";
import type { Row } from "../rows.ts";
import type { Loss, RunFacts } from "./define.ts";
import { isTelling } from "./kernel.ts";

/** Packets may be a little off the generator's own times. */
const SLACK_NS = 2e8;

/** Those of the connection itself: its 5-tuple may come again. */
export const hopsOf = ({ row }: { row: Row }, { journeys }: Pick<RunFacts, "journeys">): readonly Hop[] =>
  ofRow(row, journeys);

/** What kernels dropped of it, or answered by a reset, but for what they do not say why: that is told of ordinary packets, too. */
export function dropsOf({ row }: { row: Row }, { drops }: Pick<RunFacts, "drops">): readonly KernelDrop[] {
  const said = ofRow(row, drops).filter(isTelling);
  const reset = (drop: KernelDrop) =>
    said.some(({ what, machine, t }) => what === "reset" && machine === drop.machine && Math.abs(t - drop.t) < SAME_NS);
  return said.filter((drop) => drop.what === "reset" || !reset(drop));
}

/** The reset and the end of the packet that it answers. */
const SAME_NS = 1e6;

function ofRow<T extends { t: number }>(row: Row, all: ReadonlyMap<string, readonly T[]>): readonly T[] {
  if (all.size === 0) return [];
  const { src, sport, protocol } = row.flow;
  const found = all.get(clientKey(src, sport, protocol)) ?? [];
  return found.filter(({ t }) => t >= row.startT - SLACK_NS && t <= row.endT + SLACK_NS);
}

/** The first RST towards the client; routers pass on the client's own, when it gives up. null: nobody sent one. */
export function resetOf(loss: Pick<Loss, "row">, run: RunFacts): Hop | null {
  return hopsOf(loss, run).find((hop) => isReset(hop) && !hop.isRequest) ?? null;
}

/** The first ICMP error about it. */
export function icmpOf(loss: Loss, run: RunFacts): Hop | null {
  return hopsOf(loss, run).find(({ icmp, from }) => icmp !== null && !isTester(from)) ?? null;
}

/** Targets that routers sent its packets to, in the order of the first packet to each. */
export function targetsOf(loss: Loss, run: RunFacts): string[] {
  const targets = new Set(run.targets);
  return [
    ...new Set(hopsOf(loss, run).flatMap(({ isRequest, to }) => (isRequest && to && targets.has(to) ? [to] : []))),
  ];
}

/** Where the last packet that its client had to send again came to its end. */
export interface End {
  /** The machine that sent it last, and the one that it went to. */
  from: string;
  to: string | null;
  /** It, or its answer, was on the way back to the client. */
  isAnswer: boolean;
}

/** null: not all packets were listened to, or nothing was sent again. */
export function endOf(loss: Loss, run: RunFacts): End | null {
  if (run.tapMode !== "full") return null;
  const hops = hopsOf(loss, run);
  const first = unanswered(hops);
  if (!first) return null;
  // TCP may send more at once when it sends again: the number it begins with is the same, as is that of the RST when it gives up.
  const way = hops.filter(
    (hop) => hop.isRequest && hop.t >= first.t && hop.tcp?.seq === first.tcp?.seq && !isReset(hop),
  );
  const reached = way.findLast(({ from }) => !isTester(from)) ?? first;
  const answer = hops.findLast(({ isRequest, icmp, t }) => !isRequest && icmp === null && t > reached.t);
  if (!answer || !run.targets.includes(reached.to ?? ""))
    return { from: reached.from, to: reached.to, isAnswer: false };
  return { from: answer.from, to: answer.to, isAnswer: true };
}

/** Of the data that the client sent again last, the first time; of datagrams, the last one. */
function unanswered(hops: readonly Hop[]): Hop | null {
  const sent = hops.filter(
    ({ from, isRequest, tcp }) => isTester(from) && isRequest && (tcp === null || tcp.payload > 0),
  );
  const last = sent.at(-1);
  if (!last || last.tcp === null) return last ?? null;
  const again = sent.findLast((hop, i) => sent.slice(0, i).some(({ tcp }) => tcp?.seq === hop.tcp?.seq));
  return again ? (sent.find(({ tcp }) => tcp?.seq === again.tcp?.seq) ?? null) : null;
}
