// SPDX-License-Identifier: Apache-2.0
// SYNPROXY: the router answers SYNs by SYN cookies, and neither conntrack nor a target hears of who does not complete the handshake.
//
// A SYN is not tracked (raw), has a way to lead it through FORWARD, and is answered there. The client's ACK belongs to no entry, which
// without nf_conntrack_tcp_loose makes it invalid; with a good cookie the kernel opens the connection to the target as one of the
// router's own, so what chooses a target has to see OUTPUT, too.
//
// It offers an MSS and nothing else: with timestamps (and window scale and SACK, which need them) a target, Linux 6.18, refuses
// SYNPROXY's ACK (TcpExtTSEcrRejected), and goes on a second later, when it has sent its SYN ACK again.
//
// A cookie is what the client acknowledges less what it has sent. Where both sides have sent as many bytes, as to an echo, a packet in
// the middle of a connection has a good one: a connection that conntrack forgot is opened again, to any target.
import { z } from "zod";
import {
  FAMILIES,
  type Host,
  type IpFamily,
  ipBatch,
  type KernelProbe,
  modprobe,
  UsageError,
  vipPrefix,
} from "../../harness/api/index.ts";
import { mssOf } from "./mss-clamp.ts";

export const synproxy = z
  .stringbool()
  .default(false)
  .describe(
    "the router answers SYNs by SYN cookies, and opens a connection to a target once a client has answered (SYNPROXY); implies looseTcp=false",
  );

export interface Shield {
  synproxy: boolean;
  looseTcp: boolean;
}

/** Whether a packet of a TCP connection that conntrack does not know makes a new one. */
export const takesLoose = ({ looseTcp, synproxy: shielded }: Shield): boolean => looseTcp && !shielded;

/** Throws UsageError where options do not fit together. */
export function checkShield(given: {
  synproxy: boolean;
  leave: string;
  timeouts: string;
  mssClamp?: number | undefined;
}): void {
  if (!given.synproxy) return;
  const forgets = given.leave === "flush" ? "leave=flush" : /[1-9]/.test(given.timeouts) ? "timeouts" : null;
  if (forgets)
    throw new UsageError(
      `With synproxy connections that ${forgets} makes the router forget may be opened again to another target, or not. Try leave=drain without timeouts.`,
    );
  if (given.mssClamp !== undefined)
    throw new UsageError(
      "synproxy answers SYNs before mssClamp sees them, and announces an MSS of its own. Leave one out.",
    );
}

/** What a link of 1500 bytes takes. */
const LINK_MTU = 1500;

/** For iptables-restore. What is neither a SYN nor has a good cookie ends here. */
export function shieldRules(family: IpFamily): string {
  const to = `-i eth2 -d ${vipPrefix(family)} -p tcp`;
  const mss = mssOf(LINK_MTU, family);
  return [
    "*raw",
    `-A PREROUTING ${to} --syn -j CT --notrack`,
    "COMMIT",
    "*filter",
    `-A FORWARD ${to} -m conntrack --ctstate INVALID,UNTRACKED -j SYNPROXY --mss ${mss}`,
    `-A FORWARD ${to} -m conntrack --ctstate INVALID -j DROP`,
    "COMMIT",
    "",
  ].join("\n");
}

/** The same for `nft -f`: a table of its own. */
const shieldTable = (): string =>
  [
    "table inet syn_shield {",
    "chain prerouting {",
    "type filter hook prerouting priority raw; policy accept;",
    ...FAMILIES.map((family) => `${meant(family)} tcp flags & (fin | syn | rst | ack) == syn notrack`),
    "}",
    "chain forward {",
    "type filter hook forward priority filter; policy accept;",
    ...FAMILIES.flatMap((family) => {
      const mss = mssOf(LINK_MTU, family);
      return [
        `${meant(family)} ct state { invalid, untracked } synproxy mss ${mss}`,
        `${meant(family)} ct state invalid drop`,
      ];
    }),
    "}",
    "}",
    "",
  ].join("\n");

const meant = (family: IpFamily) =>
  `iifname "eth2" meta l4proto tcp ${family === 4 ? "ip" : "ip6"} daddr ${vipPrefix(family)}`;

export const nftShieldProbe = (): KernelProbe => ({
  what: "nft statement 'synproxy'",
  argv: ["nft", "-f", "-"],
  input: shieldTable(),
  remedy: modprobe("nft_synproxy"),
});

export async function shieldByNft(host: Host, { synproxy: shielded }: Shield): Promise<void> {
  if (!shielded) return;
  await wayThrough(host);
  await host.exec(["nft", "-f", "-"], { input: shieldTable() });
}

/** Routes for what the router itself sends; and for SYNs. */
export const LOCAL_TABLE = 900;

/** SYNs have to come as far as FORWARD, and what the kernel sends for a client as far as OUTPUT: the VIP needs a route, wherever it leads. */
export async function wayThrough(host: Host, route = true): Promise<void> {
  for (const family of FAMILIES) {
    const vip = vipPrefix(family);
    const own = [
      `route add ${vip} dev eth1 table ${LOCAL_TABLE}`,
      `rule add pref 90 iif lo to ${vip} table ${LOCAL_TABLE}`,
    ];
    await ipBatch(
      host,
      [...(route ? own : []), `rule add pref 91 iif eth2 ipproto tcp to ${vip} table ${LOCAL_TABLE}`],
      family,
    );
  }
}

const COUNTERS = "/proc/net/stat/synproxy";

/** SYNs that were answered and ACKs with a good cookie, and with a bad one. */
export async function shieldCounters(host: Host, { synproxy: shielded }: Shield): Promise<Record<string, number>> {
  if (!shielded) return {};
  const { stdout } = await host.exec(["@read", COUNTERS], { check: false });
  const [head = "", ...cpus] = stdout.trim().split("\n");
  const names = head.trim().split(/\s+/);
  const sum = (name: string) => {
    const at = names.indexOf(name);
    return cpus.reduce((total, line) => total + Number.parseInt(line.trim().split(/\s+/)[at] ?? "0", 16), 0);
  };
  const [answered, good, bad] = [sum("syn_received"), sum("cookie_valid"), sum("cookie_invalid")];
  return { "synproxy.answered": answered, "synproxy.completed": good, "synproxy.refused": bad };
}
