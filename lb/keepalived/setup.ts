// SPDX-License-Identifier: Apache-2.0
// keepalived's configuration in either case: the lab's own by options, or somebody's own file.
import type { EffectiveOptions, Machine, Topology } from "../../harness/api/index.ts";
import { leftToTheLab } from "../found/file.ts";
import type { Options as IpvsOptions } from "../ipvs/options.ts";
import { SERVICES } from "../ipvs/table.ts";
import { CHECKED_PORT } from "../linux/servers-listen.ts";
import { configuration } from "./config.ts";
import { longestS, type Options } from "./options.ts";
import { keepalivedText, readKeepalived } from "./own-file.ts";

export interface Setup {
  /** What IPVS does, in the words of its own options. */
  ipvs: IpvsOptions;
  /** VIPs besides the one that connections go to. */
  others: number;
  /** In how many services a target is. */
  destinations: (target: number, family: 4 | 6) => number;
  /** Where it is checked. */
  checkedPort: (target: number) => number;
  longestS: number;
  /** `listed` are the targets that stand in the file, and those that are not active have weight 0. */
  text(router: Machine, topology: Topology, use: { listed: readonly number[]; active: readonly number[] }): string;
}

/** Options that go with a file of somebody's own: none of them stands in it. */
export const BESIDE = ["leave", "sloppyTcp", "timeouts", "expireNodest", "expireQuiescent", "sync", "masquerade"];

export const kernelPart = ({ leave, sloppyTcp, timeouts, expireNodest, expireQuiescent, sync }: Options) => ({
  leave,
  sloppyTcp,
  timeouts,
  expireNodest,
  expireQuiescent,
  sync,
});

export function setupOf(given: Options, targets: number, vips = 1): Setup {
  if (given.config !== undefined) return ownSetup(given, targets);
  const services = vips * (given.fwmark ? 1 : SERVICES.length);
  return {
    ipvs: given,
    others: 0,
    destinations: () => services,
    checkedPort: () => CHECKED_PORT,
    longestS: longestS(given),
    text: ({ name }, topology, use) => configuration(topology, given, { name, ...use }),
  };
}

function ownSetup(given: Options, targets: number): Setup {
  const file = readKeepalived(given, targets);
  const [protocol = "tcp"] = file.layout.served.protocols;
  const ports = file.layout.served.ports?.[protocol]?.targets;
  const part = { ...kernelPart(given), ...(given.masquerade === undefined ? {} : { masquerade: given.masquerade }) };
  return {
    ipvs: file.optionsFor(protocol, part) ?? given,
    others: file.layout.others,
    destinations: file.destinations,
    checkedPort: (target) => ports?.[target] ?? 0,
    longestS: file.longestS,
    text(router, topology, { listed, active }) {
      const out = [...topology.targets.keys()].filter((index) => !active.includes(index));
      const drained = out.filter((index) => listed.includes(index));
      return keepalivedText(file, { topology, router }, { out, drained });
    },
  };
}

export function ownFacts(given: Options, targets: number): EffectiveOptions {
  const { layout, forward, schedulers, left } = readKeepalived(given, targets);
  return {
    config: layout.file,
    forward,
    scheduler: schedulers.join(","),
    ...kernelPart(given),
    ...leftToTheLab(left.map(({ words, line }) => ({ word: words[0] ?? "", line }))),
  };
}
