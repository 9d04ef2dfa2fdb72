// SPDX-License-Identifier: Apache-2.0
// The iptables rules that lead packets to the queue, and those that remember what it said.
import { type Host, setSysctls, vipPrefix } from "../../harness/api/index.ts";

/** How conntrack's mark stands in for user space. */
export interface SynOnly {
  /** The router does not see the replies: several routers, or direct return. */
  oneWay: boolean;
  /** UDP flows are remembered too; else every datagram is asked about. */
  udp: boolean;
}

const CHAIN = "LB-QUEUE";
const FAMILIES = [
  ["iptables", vipPrefix(4), 4],
  ["ip6tables", vipPrefix(6), 6],
] as const;

/**
 * `choose` are the rules that choose a target, `first` lines of the mangle table that come before, with VIP for the address. The
 * rule that leads to the choice comes last: what it needs is there by then.
 */
export async function installRules(
  host: Host,
  choose: (family: 4 | 6) => readonly string[],
  synOnly: SynOnly | null,
  first = "",
): Promise<void> {
  const restore = (tool: string, tables: readonly string[]) =>
    host.exec([`${tool}-restore`, "--noflush"], { input: `${tables.join("\n")}\n` });
  if (synOnly) {
    // Where conntrack is a module these rules load it, and with it come its switches.
    for (const [tool, vip] of FAMILIES) await restore(tool, rawTable(vip, synOnly));
    await setSysctls(host, [
      ...(synOnly.oneWay ? ONE_WAY : ["net/netfilter/nf_conntrack_tcp_loose=1"]),
      // What is out of the window by conntrack's book would be a packet without a mark.
      "net/netfilter/nf_conntrack_tcp_be_liberal=1",
    ]);
  }
  for (const [tool, vip, family] of FAMILIES) {
    const before = first
      .replaceAll("VIP", vip)
      .split("\n")
      .filter((line) => line !== "");
    await restore(tool, mangleTable(vip, choose(family), synOnly, before));
  }
}

const DAYS_5 = 432_000;
/** What has no entry stays untracked, until the balancer makes one; and an entry without replies lives as long as others. */
const ONE_WAY = [
  "net/netfilter/nf_conntrack_tcp_loose=0",
  `?net/netfilter/nf_conntrack_tcp_timeout_unacknowledged=${DAYS_5}`,
  `?net/netfilter/nf_conntrack_tcp_timeout_max_retrans=${DAYS_5}`,
];

/**
 * Seen one way only, a connection that began with a SYN stays SYN_SENT for conntrack, and all that follows is INVALID. So the
 * SYN is not tracked: the balancer makes an entry that says "established". Conntrack could do that itself at the next packet, or
 * for a connection that comes from another router; but where two packets come back to back both would be new, and it would
 * drop the second. Replies are not tracked: whether this router sees some of them must not matter.
 */
function rawTable(vip: string, { oneWay, udp }: SynOnly): string[] {
  const icmp = vip.includes(":") ? "ipv6-icmp" : "icmp";
  const notrack = "-j CT --notrack";
  return [
    "*raw",
    `:${CHAIN} - [0:0]`,
    ...(oneWay ? [`-A ${CHAIN} -p tcp --syn ${notrack}`, `-A PREROUTING -s ${vip} ${notrack}`] : []),
    `-A ${CHAIN} -p tcp -j RETURN`,
    // ICMP errors are looked up by the packet they are about.
    `-A ${CHAIN} -p ${icmp} -j RETURN`,
    ...(udp ? [`-A ${CHAIN} -p udp -j RETURN`] : []),
    `-A ${CHAIN} ${notrack}`,
    `-A PREROUTING -d ${vip} -j ${CHAIN}`,
    "COMMIT",
  ];
}

/** The mark is saved behind the queue, as a packet that returns from it goes on behind this table's PREROUTING. */
function mangleTable(
  vip: string,
  choose: readonly string[],
  synOnly: SynOnly | null,
  before: readonly string[],
): string[] {
  return [
    "*mangle",
    `:${CHAIN} - [0:0]`,
    ...(synOnly
      ? [
          `-A POSTROUTING -d ${vip} -m connmark --mark 0 -j CONNMARK --save-mark`,
          `-A ${CHAIN} -j CONNMARK --restore-mark`,
          `-A ${CHAIN} -m mark ! --mark 0 -j ACCEPT`,
        ]
      : []),
    ...choose.map((rule) => `-A ${CHAIN} ${rule}`),
    ...before,
    `-A PREROUTING -d ${vip} -j ${CHAIN}`,
    "COMMIT",
  ];
}

/** Packets for the VIP that came to this router, and those of them that were led to a queue: both families, out of the rules' own counters. */
export async function countBalanced(host: Host): Promise<{ balanced: number; led: number }> {
  const listed = await Promise.all(FAMILIES.map(([tool]) => host.exec([`${tool}-save`, "--counters", "-t", "mangle"])));
  const count = (rule: string) =>
    listed.reduce((sum, { stdout }) => {
      const [, packets = "0"] = stdout.match(new RegExp(`^\\[(\\d+):\\d+\\] ${rule}`, "m")) ?? [];
      return sum + Number(packets);
    }, 0);
  return { balanced: count(`-A PREROUTING .*-j ${CHAIN}$`), led: count(`-A ${CHAIN} .*-j NFQUEUE `) };
}

/** Connections whose mark leads to these targets are forgotten: their next packet is asked about, and comes to another target. */
export async function flushMarks(host: Host, fwmarks: readonly number[]): Promise<void> {
  // Exit code 1 only says that there was nothing to delete.
  await Promise.all(
    fwmarks.flatMap((fwmark) =>
      ["ipv4", "ipv6"].map((family) =>
        host.exec(["conntrack", "-D", "-f", family, "-m", `${fwmark}`], { check: false }),
      ),
    ),
  );
}
