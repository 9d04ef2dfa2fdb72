// SPDX-License-Identifier: Apache-2.0
// Impairment of a link: packets are lost, late, out of order, doubled or damaged, on their way to a machine and from it.
import type { RunOptions } from "../plan/options.ts";
import type { RecordWriter } from "../record/record.ts";
import type { Lab } from "../runtime/runtime.ts";
import { planTopology, TESTER_NAME } from "../topology/topology.ts";
import { UsageError } from "../util/errors.ts";

export const FAULTS = ["delay", "reorder", "loss", "corrupt", "duplicate"] as const;
/** As tc(8) takes them. */
type Faults = Partial<Record<(typeof FAULTS)[number], string>>;

/** What is done to packets, and where. */
export interface Impairment {
  machine: string;
  net: number;
  faults: Faults;
  seed: number;
}

/** A link with its faults: what became of packets there. */
export interface ImpairedLink {
  record(record: RecordWriter, moment: "before" | "after"): Promise<void>;
}

type Options = Pick<RunOptions, (typeof FAULTS)[number] | "link" | "seed">;

/** null: none was asked for. Throws UsageError when there is no such link, or packets cannot get out of order. */
export function impairmentOf(
  { link, seed, ...options }: Options,
  size: { targets: number; routers: number; testers: number },
): Impairment | null {
  const faults = Object.fromEntries(
    FAULTS.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])),
  ) as Faults;
  if (Object.keys(faults).length === 0) return null;
  if (faults.reorder !== undefined && faults.delay === undefined)
    throw new UsageError("--reorder sends packets ahead of delayed ones: it needs --delay, as in '--delay 10ms'.");
  const [machine = "", net = ""] = link.split("/");
  const found = planTopology(size).machines.find(({ name }) => name === machine);
  if (!found?.links.some((own) => own.net === net))
    throw new UsageError(
      `There is no link '${link}' in this lab. The tester's is ${TESTER_NAME}/net2, a router's vm-201/net1 or vm-201/net2.`,
    );
  return { machine, net: Number(net.slice(-1)), faults, seed };
}

/** Share of the packets. */
export const shareOf = (percent: string | undefined): number => Number.parseFloat(percent ?? "0") / 100;

/** Whether packets on their way to the targets come out of the machine by this link. */
export function leadsOut(lab: Lab, { machine, net }: Impairment): boolean {
  const role = lab.topology.machines.find(({ name }) => name === machine)?.role;
  return role === "tester" || (role === "router" && net === 1);
}
