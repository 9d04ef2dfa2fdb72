// SPDX-License-Identifier: Apache-2.0
// lost.pcapng: the packets of connections that were lost or asked for, with decision and verdict as comments.
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Story } from "../analysis/causes/index.ts";
import { dropText } from "../analysis/causes/kernel.ts";
import { type Hop, isReset, isSamePacket } from "../tap/journey.ts";
import { type CapturedPacket, pcapng } from "../tap/pcapng.ts";
import { VIP } from "../topology/topology.ts";
import { causeName } from "./format.ts";
import type { ReportData, Reporter } from "./reporter.ts";

const SNAP = 128;

export const capture: Reporter = {
  name: "pcapng",
  async write(data, dir) {
    const file = join(dir, "lost.pcapng");
    // Drawn again, a run may have none.
    if (data.series.tapped.length === 0) rmSync(file, { force: true });
    else writeFileSync(file, renderCapture(data));
  },
};

function renderCapture({ run, summary, series: { tapped, t0 } }: ReportData): Buffer {
  const machines = [...new Set(tapped.flatMap(({ hops }) => hops.map(({ from }) => from)))].sort();
  const indexOf = new Map(machines.map((name, i) => [name, i]));
  const startNs = BigInt(Date.parse(run.startedAt)) * 1_000_000n;
  const packets = tapped.flatMap((story) => packetsOf(story, indexOf, (t) => startNs + BigInt(Math.round(t - t0))));
  return pcapng({
    comment: `${summary.case}, seed ${summary.seed}: packets as they left each machine. A packet is there once for each hop: show one interface for what one machine sent. Time 0 of the run is its start.`,
    application: "load-balancer",
    interfaces: machines.map((name) => ({ name, description: `sent by ${name}`, snap: SNAP })),
    names: [[VIP[4], "vip"]],
    packets: packets.sort((a, b) => (a.t < b.t ? -1 : a.t > b.t ? 1 : 0)),
  });
}

function packetsOf(
  story: Story,
  indexOf: ReadonlyMap<string, number>,
  timeOf: (t: number) => bigint,
): CapturedPacket[] {
  const { hops, drops } = story;
  const reset = hops.find(isReset);
  /** At the packet's last hop. */
  const said = drops.map((drop) => ({ drop, hop: hops.findLast(({ to, t }) => to === drop.machine && t <= drop.t) }));
  return hops.map((hop, i) => ({
    interface: indexOf.get(hop.from) ?? 0,
    t: timeOf(hop.t),
    length: hop.packet.length,
    data: hop.packet.data,
    id: idOf(hops, hop),
    comments: [
      ...(i === 0 ? aboutStory(story) : []),
      ...(hop === reset ? [`RST by ${hop.from}`] : []),
      ...said.filter(({ hop: last }) => last === hop).map(({ drop }) => dropText(drop)),
    ],
  }));
}

/** Of one packet on all of its hops: the source port, and the place of its first hop. */
function idOf(hops: readonly Hop[], hop: Hop): number {
  return hops.findIndex((other) => isSamePacket(other, hop)) + 1;
}

function aboutStory({ stream, id, root, sentence, decisions }: Story): string[] {
  const decision = (when: "before" | "after") => {
    const { table, target, slot } = decisions?.[when] ?? { table: 0, target: null, slot: null };
    return `${when}: table ${table}, ${target ?? "not predictable"}${slot ? `, ${slot}` : ""}`;
  };
  return [
    `connection ${stream} ${id}: ${root === null ? "kept" : causeName(root)}`,
    sentence,
    ...(decisions ? [`${decision("before")}; ${decision("after")}`] : []),
  ];
}
