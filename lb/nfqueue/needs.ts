// SPDX-License-Identifier: Apache-2.0
// What the machines and their kernel must have for the balancer.
import { type KernelProbe, type Requirements, TOOLS } from "../../harness/api/index.ts";
import { clampProbes } from "../linux/mss-clamp.ts";
import { NOTRACK, TUN_DEVICE } from "./fragments.ts";
import type { Options } from "./options.ts";
import { REFUSAL } from "./reject.ts";

const REMEDY = "or use another kernel (--runtime vm).";
const IPTABLES = [TOOLS.iptables, TOOLS.ip6tables];

interface Given {
  synOnly: boolean;
  fragments: boolean;
  mssClamp?: number | undefined;
  noTargets?: Options["noTargets"];
}

export function requirements({ synOnly, fragments, mssClamp, noTargets }: Given): Requirements {
  return {
    programs: [{ name: "nfqueue-lb", from: "ours" }],
    tools: [...IPTABLES, TOOLS.ip, TOOLS.conntrack, ...(fragments ? [TOOLS.nft] : [])],
    modules: ["nfnetlink_queue"],
    kernel: [
      ...QUEUE,
      ...(synOnly ? SYN_ONLY : []),
      ...(fragments ? FRAGMENTS : []),
      ...(noTargets === "refuse" ? rules("REJECT target", REFUSAL, "ipt_REJECT and the filter table") : []),
      ...clampProbes(mssClamp),
    ],
    devices: fragments ? [{ file: TUN_DEVICE, remedy: "Run 'modprobe tun'." }] : [],
  };
}

/** The same rules for both families. */
const rules = (what: string, input: string, modules: string): KernelProbe[] =>
  IPTABLES.map(({ name }) => ({
    what: `${what} in ${name}`,
    argv: [name],
    input,
    remedy: `Load ${modules}, ${REMEDY}`,
  }));

/** The queue itself cannot be tried so: its module is loaded when a program binds one, which says so when it is not there. */
export const QUEUE = rules(
  "NFQUEUE target",
  "*mangle\n-A PREROUTING -p udp -j NFQUEUE --queue-balance 0:1\nCOMMIT\n",
  "xt_NFQUEUE and the mangle table",
);

const SYN_ONLY: KernelProbe[] = [
  ...rules(
    "CT target, which leaves packets untracked,",
    "*raw\n-A PREROUTING -p tcp --syn -j CT --notrack\nCOMMIT\n",
    "xt_CT and the raw table",
  ),
  ...rules(
    "CONNMARK target or connmark match",
    "*mangle\n-A PREROUTING -j CONNMARK --restore-mark\n-A POSTROUTING -m connmark --mark 0 -j CONNMARK --save-mark\nCOMMIT\n",
    "xt_connmark and the mangle table",
  ),
  {
    what: "conntrack entries that user space can make and delete",
    argv: ["conntrack", "-C"],
    input: "",
    remedy: `Load nf_conntrack_netlink, ${REMEDY}`,
  },
];

const FRAGMENTS: KernelProbe[] = [
  {
    what: "notrack or fragment match in nftables",
    argv: ["nft", "-f", "-"],
    input: NOTRACK,
    remedy: `Load nft_ct and nf_tables, ${REMEDY}`,
  },
  {
    what: "tun device that may be opened",
    argv: ["ip", "tuntap", "add", "dev", "lb-probe", "mode", "tun"],
    input: "",
    remedy: `Run 'modprobe tun', or as root, ${REMEDY}`,
  },
];
