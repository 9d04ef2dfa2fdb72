// SPDX-License-Identifier: Apache-2.0
// What the tester hears of routers that take an address over: gratuitous ARP and unsolicited neighbour advertisements, by `traffic hear`.
import type { RecordWriter } from "../record/record.ts";
import { Daemon } from "../runtime/daemon.ts";
import type { Lab } from "../runtime/runtime.ts";
import { linkOn } from "../topology/topology.ts";
import { netOf } from "./announcer.ts";

/** Resolves when it listens; what ends it records what it heard. */
export async function startEars(
  lab: Lab,
  record: RecordWriter,
  onBroken: (sentence: string) => void,
): Promise<() => Promise<void>> {
  const { tester } = lab.topology;
  const heard: Record<"arp" | "na", number[]> = { arp: [], na: [] };
  const argv = [lab.program("traffic"), "hear", "--device", linkOn(tester, netOf(tester)).device];
  const daemon = new Daemon(lab.host(tester.name), argv, {
    onReport({ event, t }) {
      if (event === "arp" || event === "na") heard[event].push(Number(t));
    },
    onEnd: (how) => onBroken(`'traffic hear' on ${tester.name} ${how}`),
  });
  await daemon.ready("ready");
  return async () => {
    await daemon.stop();
    record.add({ kind: "heard", t: lab.clock.now(), machine: tester.name, ...heard });
  };
}
