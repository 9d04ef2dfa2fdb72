// SPDX-License-Identifier: Apache-2.0
// Impairment on a link by netem: packets are lost, late, out of order or damaged, on their way to a machine and from it.
import { Unsupported } from "../api/backend.ts";
import type { RunOptions } from "../plan/options.ts";
import type { RecordWriter } from "../record/record.ts";
import type { Host, Lab } from "../runtime/runtime.ts";
import { planTopology, TESTER_NAME } from "../topology/topology.ts";
import { UsageError } from "../util/errors.ts";

/** What netem does, as tc(8) takes it, and where. */
export interface Impairment {
  machine: string;
  net: number;
  netem: readonly string[];
  /** Share of the packets that is damaged. */
  corrupt: number;
}

type Options = Pick<RunOptions, "loss" | "delay" | "reorder" | "corrupt" | "link">;

/** null: none was asked for. Throws UsageError when there is no such link, or packets cannot get out of order. */
export function impairmentOf(
  { loss, delay, reorder, corrupt, link }: Options,
  size: { targets: number; routers: number },
): Impairment | null {
  const parts = { delay, reorder, loss, corrupt };
  const netem = Object.entries(parts).flatMap(([word, value]) => (value === undefined ? [] : [word, value]));
  if (netem.length === 0) return null;
  if (reorder !== undefined && delay === undefined)
    throw new UsageError("--reorder sends packets ahead of delayed ones: it needs --delay, as in '--delay 10ms'.");
  const [machine = "", net = ""] = link.split("/");
  const found = planTopology(size).machines.find(({ name }) => name === machine);
  if (!found?.links.some((own) => own.net === net))
    throw new UsageError(
      `There is no link '${link}' in this lab. The tester's is ${TESTER_NAME}/net2, a router's vm-201/net1 or vm-201/net2.`,
    );
  return { machine, net: Number(net.slice(-1)), netem, corrupt: Number.parseFloat(corrupt ?? "0") / 100 };
}

/** Begins the trouble, at both ends of the link. Throws Unsupported where the kernel has no netem. */
export async function applyImpairment(lab: Lab, { machine, net, netem }: Impairment): Promise<void> {
  const ends: [Host, string][] = [
    [lab.wiring("fabric"), `${machine}.${net}`],
    [lab.wiring(machine), `eth${net}`],
  ];
  for (const [host, device] of ends) {
    const argv = ["tc", "qdisc", "replace", "dev", device, "root", "netem", ...netem];
    const { code, stderr } = await host.exec(argv, { check: false });
    if (code !== 0)
      throw new Unsupported([
        `This kernel has no netem (${stderr.trim().split("\n")[0]}). Load sch_netem, or use another kernel: '--runtime vm'.`,
      ]);
  }
}

/**
 * What was lost on the way to the targets: a drop with a name. What was lost on the way back was counted as received before.
 * "damage.net2" is how many packets on the way to the targets netem is expected to have damaged on that net: it does not count them.
 */
export async function recordImpairment(
  lab: Lab,
  { machine, net, corrupt }: Impairment,
  record: RecordWriter,
  moment: "before" | "after",
): Promise<void> {
  const role = lab.topology.machines.find(({ name }) => name === machine)?.role;
  const own = role === "tester" || (role === "router" && net === 1);
  const host = lab.wiring(own ? machine : "fabric");
  const { stdout } = await host.exec(["tc", "-s", "qdisc", "show", "dev", own ? `eth${net}` : `${machine}.${net}`]);
  const [, passed = 0, dropped = 0] = /qdisc netem[\s\S]*? (\d+) pkt \(dropped (\d+),/.exec(stdout) ?? [];
  const values = {
    "drop.netem": Number(dropped),
    ...(corrupt > 0 ? { [`damage.net${net}`]: Number(passed) * corrupt } : {}),
  };
  record.add({ kind: "counters", t: record.clock.now(), machine: "netem", moment, values });
}
