// SPDX-License-Identifier: Apache-2.0
import type { Host } from "../../harness/api/index.ts";
import type { Options } from "./options.ts";

const MULTICAST = (["eth1", "eth2"] as const).map((device) => `/proc/net/dev_snmp6/${device}`);
/** Of machines whose kernel has SCTP. */
const SCTP_FILE = "/proc/net/sctp/snmp";
const FILES = ["/proc/net/ip_vs_stats_percpu", "/proc/net/dev", "/proc/net/snmp", ...MULTICAST];
/** Of the packets that IPVS forwarded, so many may go the wrong way back: neighbours' chatter. */
const STRAY_SHARE = 0.01;
/** And so many in any run, however short: address resolution of some machines. */
const STRAY_LEAST = 50;

/**
 * IPVS' counters, and what came from the targets' net. It does not count what it drops: the packets of connections whose target
 * was removed are those that came from the tester and were neither forwarded nor refused.
 */
export async function readStats(
  host: Host,
  { dropsSilently, checksHealth, sctp = false }: { dropsSilently: boolean; checksHealth: boolean; sctp?: boolean },
): Promise<Record<string, number>> {
  const { stdout } = await host.exec(["@read", ...FILES, ...(sctp ? [SCTP_FILE] : [])]);
  // A row for each CPU, its number first, all hexadecimal. The totals below, and those of ip_vs_stats, are seconds old.
  const rows = [...stdout.matchAll(/^[ \t]*[0-9A-F]+((?:[ \t]+[0-9A-F]+){5})[ \t]*$/gm)].map(([, numbers = ""]) =>
    numbers.split(/\s+/).flatMap((text) => (text === "" ? [] : Number.parseInt(text, 16))),
  );
  const [conns = 0, inPackets = 0, outPackets = 0] = [0, 1, 2].map((column) =>
    rows.reduce((sum, numbers) => sum + (numbers[column] ?? 0), 0),
  );
  const number = (pattern: string) => Number(new RegExp(pattern, "m").exec(stdout)?.[1] ?? 0);
  const receivedOn = (device: string) => number(`^\\s*${device}:\\s*\\d+\\s+(\\d+)`);
  // Of kernels, as listener reports, and for nobody's connection.
  const multicastOn = (device: string) => number(`dev_snmp6/${device} <==[^=]*?^Ip6InMcastPkts\\s+(\\d+)`);
  // A connection that IPVS does not know is, at the VIP's owner, one that nobody listens for.
  const [tcp, icmp] = [own(stdout, "Tcp"), own(stdout, "Icmp")];
  const refused = tcp("OutRsts") + number("^SctpOutOfBlues\\s+(\\d+)");
  // What is left of this machine's own TCP without those are answers to health checks, and resets of clients, which nobody answers.
  const others = Math.max(0, tcp("InSegs") - tcp("OutRsts"));
  // Of what clients sent, what came to no target and was not refused; answers to health checks come from the other side.
  const kept = Math.max(0, receivedOn("eth2") - multicastOn("eth2") - inPackets - refused);
  const answers = receivedOn("eth1") - multicastOn("eth1") - outPackets;
  const resets = checksHealth ? Math.max(0, Math.min(kept, others - answers)) : others;
  return {
    "ipvs.connections": conns,
    "ipvs.in": inPackets,
    "ipvs.out": outPackets,
    // Whoever chooses among the routers may ask each of them for an echo.
    "ipvs.from_targets": Math.max(0, receivedOn("eth1") - (others - resets) - icmp("InEchos")),
    probes: tcp("OutSegs") + tcp("RetransSegs") - tcp("OutRsts"),
    "drop.refused_by_router": refused,
    "drop.reset_of_unknown": resets,
    ...(dropsSilently ? { "drop.target_removed": Math.max(0, kept - resets) } : {}),
  };
}

/** Counters of this machine's own part in a protocol, by their names in /proc/net/snmp. */
function own(text: string, protocol: "Tcp" | "Icmp"): (name: string) => number {
  const [names = [], numbers = []] = text
    .split("\n")
    .filter((line) => line.startsWith(`${protocol}: `))
    .map((line) => line.split(" "));
  return (name) => Number(numbers[names.indexOf(name)] ?? 0);
}

type Counters = Record<string, number>;

/**
 * Replies must pass the router with NAT, and must not without: else the balancer is not what it says. Takes each reading of the
 * router's counters, tells `fault` once, and gives them back.
 */
export function replyCheck(router: string, forward: Options["forward"], fault: (sentence: string) => void) {
  let first: Counters | null = null;
  let told = false;
  return (now: Counters): Counters => {
    const before = first ?? now;
    first = before;
    const sentence = wrongWay(router, forward, (name) => (now[name] ?? 0) - (before[name] ?? 0));
    if (sentence && !told) {
      told = true;
      fault(sentence);
    }
    return now;
  };
}

function wrongWay(router: string, forward: Options["forward"], grown: (name: string) => number): string | null {
  const [forwarded, back, translated] = [grown("ipvs.in"), grown("ipvs.from_targets"), grown("ipvs.out")];
  if (forward === "masq")
    return forwarded > 0 && translated === 0
      ? `With NAT replies must pass the router, but none of ${forwarded} packets that '${router}' forwarded was answered through IPVS.`
      : null;
  return back > Math.max(STRAY_LEAST, forwarded * STRAY_SHARE)
    ? `Replies must not pass the router with forward=${forward}, but ${back} packets came from the targets to '${router}', which forwarded ${forwarded}.`
    : null;
}
