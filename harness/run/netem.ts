// SPDX-License-Identifier: Apache-2.0
// The kernel's own impairment of a link.
import type { RecordWriter } from "../record/record.ts";
import { fabricOf } from "../runtime/fabric.ts";
import type { Host, Lab } from "../runtime/runtime.ts";
import { FAULTS, type Impairment, leadsOut, shareOf } from "./impairment.ts";

/** true: it is at work; else why not. */
export async function startNetem(lab: Lab, { machine, net, faults }: Impairment): Promise<true | string> {
  const words = FAULTS.flatMap((name) => (faults[name] === undefined ? [] : [name, faults[name]]));
  const ends: [Host, string][] = [
    [lab.wiring(fabricOf(lab, machine)), `${machine}.${net}`],
    [lab.wiring(machine), `eth${net}`],
  ];
  for (const [host, device] of ends) {
    const argv = ["tc", "qdisc", "replace", "dev", device, "root", "netem", ...words];
    const { code, stderr } = await host.exec(argv, { check: false });
    if (code !== 0) return stderr.trim().split("\n")[0] ?? "";
  }
  return true;
}

/**
 * What was lost on the way to the targets: a drop with a name. What was lost on the way back was counted as received before.
 * "damage.net2" is how many packets on the way to the targets netem is expected to have damaged on that net: it does not count them.
 */
export async function recordNetem(
  lab: Lab,
  impairment: Impairment,
  record: RecordWriter,
  moment: "before" | "after",
): Promise<void> {
  const { machine, net, faults } = impairment;
  const own = leadsOut(lab, impairment);
  const host = lab.wiring(own ? machine : fabricOf(lab, machine));
  const { stdout } = await host.exec(["tc", "-s", "qdisc", "show", "dev", own ? `eth${net}` : `${machine}.${net}`]);
  const [, passed = 0, dropped = 0] = /qdisc netem[\s\S]*? (\d+) pkt \(dropped (\d+),/.exec(stdout) ?? [];
  const damaged = Number(passed) * shareOf(faults.corrupt);
  const values = { "drop.netem": Number(dropped), ...(damaged > 0 ? { [`damage.net${net}`]: damaged } : {}) };
  record.add({ kind: "counters", t: record.clock.now(), machine: "netem", moment, values });
}
