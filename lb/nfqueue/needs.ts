// SPDX-License-Identifier: Apache-2.0
// What the machines and their kernel must have for the balancer.
import {
  FAMILIES,
  type KernelProbe,
  modprobe,
  type Requirements,
  ruleModules,
  TOOLS,
} from "../../harness/api/index.ts";
import { clampProbes } from "../linux/mss-clamp.ts";
import { NOTRACK, TUN_DEVICE } from "./fragments.ts";
import type { Options } from "./options.ts";
import { REFUSAL } from "./reject.ts";

const IPTABLES = { 4: TOOLS.iptables, 6: TOOLS.ip6tables };

interface Given {
  synOnly: boolean;
  fragments: boolean;
  mssClamp?: number | undefined;
  noTargets?: Options["noTargets"];
}

export function requirements({ synOnly, fragments, mssClamp, noTargets }: Given): Requirements {
  return {
    programs: [{ name: "nfqueue-lb", from: "ours" }],
    tools: [...Object.values(IPTABLES), TOOLS.ip, TOOLS.conntrack, ...(fragments ? [TOOLS.nft] : [])],
    modules: ["nfnetlink_queue"],
    kernel: [
      ...QUEUE,
      ...(synOnly ? SYN_ONLY : []),
      ...(fragments ? FRAGMENTS : []),
      ...(noTargets === "refuse" ? rules("REJECT target", REFUSAL) : []),
      ...clampProbes(mssClamp),
    ],
    devices: fragments ? [{ file: TUN_DEVICE, remedy: "Run 'modprobe tun' as root." }] : [],
  };
}

/** The same rules for both families. */
const rules = (what: string, input: string): KernelProbe[] =>
  FAMILIES.map((family) => ({
    what: `${what} in ${IPTABLES[family].name}`,
    argv: [IPTABLES[family].name],
    input,
    remedy: modprobe(...ruleModules(family, input)),
  }));

/** The queue itself cannot be tried so: its module is loaded when a program binds one, which says so when it is not there. */
export const QUEUE = rules("NFQUEUE target", "*mangle\n-A PREROUTING -p udp -j NFQUEUE --queue-balance 0:1\nCOMMIT\n");

const SYN_ONLY: KernelProbe[] = [
  ...rules("CT target, which leaves packets untracked,", "*raw\n-A PREROUTING -p tcp --syn -j CT --notrack\nCOMMIT\n"),
  ...rules(
    "CONNMARK target or connmark match",
    "*mangle\n-A PREROUTING -j CONNMARK --restore-mark\n-A POSTROUTING -m connmark --mark 0 -j CONNMARK --save-mark\nCOMMIT\n",
  ),
  {
    what: "conntrack entries that user space can make and delete",
    argv: ["conntrack", "-C"],
    input: "",
    remedy: modprobe("nf_conntrack_netlink"),
  },
];

const FRAGMENTS: KernelProbe[] = [
  {
    what: "notrack or fragment match in nftables",
    argv: ["nft", "-f", "-"],
    input: NOTRACK,
    remedy: modprobe("nf_tables", "nft_ct"),
  },
  {
    what: "tun device that may be opened",
    argv: ["ip", "tuntap", "add", "dev", "lb-probe", "mode", "tun"],
    input: "",
    remedy: modprobe("tun"),
  },
];
