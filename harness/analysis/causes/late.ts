// SPDX-License-Identifier: Apache-2.0
// What held up a first connection that was not there when the first event came.
import { type Hop, hopText } from "../../tap/journey.ts";
import type { KernelDrop } from "../../tap/records.ts";
import { isTester } from "../../topology/topology.ts";
import { plural } from "../../util/numbers.ts";
import { addressText } from "../flows.ts";
import type { Row } from "../rows.ts";
import { at, type RunFacts } from "./define.ts";
import { dropsOf, hopsOf } from "./journey.ts";
import { dropText, isByLab } from "./kernel.ts";

/** A SYN needs no more than that on a machine that is fit to judge: the schedule leaves far more. */
const LEAST_NS = 1e8;
/** Of more than so many the generator begins some only when others are there, which a balancer may delay. */
const UNPACED = 50_000;
/** So many hops are told; a SYN that is sent again and again repeats them. */
const MOST_HOPS = 8;

export interface Late {
  /** Its first packet left the tester too late, or a kernel of the lab dropped its packets: that says nothing about the balancer. */
  isLabs: boolean;
  /** Makes a sentence: when it began, how far its packets came, and what kernels said of them. */
  tell(): string;
}

/** `firstT`: when the first event was asked for, monotonic ns; infinite: there is none. */
export function lateOf(row: Row, run: RunFacts, firstT: number): Late {
  const [drops, hops] = [dropsOf({ row }, run), hopsOf({ row }, run)];
  const dropped = drops.find(isByLab);
  const leftT = row.stream.connections > UNPACED ? undefined : hops.find(({ from }) => isTester(from))?.t;
  const isLabs = dropped !== undefined || (leftT !== undefined && leftT > firstT - LEAST_NS);
  return { isLabs, tell: () => sentenceOf(row, run, dropped ?? drops[0]) };
}

function sentenceOf(row: Row, run: RunFacts, told: KernelDrop | undefined): string {
  const { stream, recorded, flow, startT, establishedT } = row;
  const end = establishedT === null ? "was never established" : `was established at ${at(run, establishedT)}`;
  const parts = [
    `Connection ${recorded.id} of ${stream.stream} (${addressText(flow.src)} port ${flow.sport}) began at ${at(run, startT)} and ${end}`,
    ...hopsText(hopsOf({ row }, run)),
    ...(told ? [`${dropText(told, "a packet of it")} (the kernel's reason)`] : []),
  ];
  return `${parts.join("; ")}.`;
}

/** "SYN vm-221 to vm-201 2 times, SYN vm-201 to vm-009 1 time"; empty where its packets were not kept. */
function hopsText(hops: readonly Hop[]): string[] {
  const counts = new Map<string, number>();
  for (const hop of hops) {
    const key = `${hopText(hop)} ${hop.from} to ${hop.to ?? "nobody"}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const told = [...counts].slice(0, MOST_HOPS).map(([hop, n]) => `${hop} ${plural(n, "time")}`);
  return told.length === 0 ? [] : [told.join(", ")];
}
