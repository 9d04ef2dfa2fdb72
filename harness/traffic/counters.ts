// SPDX-License-Identifier: Apache-2.0
import type { Lab } from "../runtime/runtime.ts";

const FILES = ["/proc/net/snmp", "/proc/net/snmp6", "/proc/net/netstat", "/proc/net/dev"];

const ICMP_ERRORS = ["OutDestUnreachs", "OutTimeExcds", "OutParmProbs"];
const ICMP6_ERRORS = ["Icmp6OutDestUnreachs", "Icmp6OutPktTooBigs", "Icmp6OutTimeExcds", "Icmp6OutParmProblems"];

/** IP packets in and out of a machine and what its stack dropped, both families added. Names beginning with "drop." are drops. */
export async function readCounters(lab: Lab, machine: string): Promise<Record<string, number>> {
  const { stdout } = await lab.host(machine).exec(["@read", ...FILES]);
  return parseCounters(stdout, lab.topology.tunnels);
}

/** `text`: the files one behind the other. What comes out of devices whose names begin with `tunnels` has been received before. */
export function parseCounters(text: string, tunnels?: string): Record<string, number> {
  const [ip, ipExt, icmp, tcp, udp, ext] = ["Ip", "IpExt", "Icmp", "Tcp", "Udp", "TcpExt"].map((protocol) =>
    snmpTable(text, protocol),
  );
  const v6 = new Map(
    [...text.matchAll(/^((?:Ip|Icmp|Udp)6\w+)\s+(\d+)$/gm)].map(([, name, n]) => [name ?? "", Number(n)]),
  );
  const sum = (name: string) => (ip?.get(name) ?? 0) + (ipExt?.get(name) ?? 0) + (v6.get(`Ip6${name}`) ?? 0);
  const devices = [...text.matchAll(/^\s*(\S+):\s*((?:\d+\s+){15}\d+)$/gm)].map(([, name = "", numbers = ""]) => ({
    name,
    numbers: numbers.trim().split(/\s+/).map(Number),
  }));
  const interfaces = devices.map(({ numbers }) => numbers);
  const inner = devices.filter(({ name }) => tunnels !== undefined && name.startsWith(tunnels));
  const tunnelled = inner.reduce((total, { numbers }) => total + (numbers[1] ?? 0), 0);
  const column = (i: number) => interfaces.reduce((total, numbers) => total + (numbers[i] ?? 0), 0);
  return {
    // Multicast and broadcast are neighbour and group management, or a question to everybody: not traffic.
    ipIn: sum("InReceives") - tunnelled - sum("InMcastPkts") - sum("InBcastPkts"),
    ipOut: sum("OutRequests") - sum("OutMcastPkts") - sum("OutBcastPkts"),
    ipIn6: (v6.get("Ip6InReceives") ?? 0) - (v6.get("Ip6InMcastPkts") ?? 0),
    ipOut6: (v6.get("Ip6OutRequests") ?? 0) - (v6.get("Ip6OutMcastPkts") ?? 0),
    icmpErrorsOut:
      ICMP_ERRORS.reduce((total, name) => total + (icmp?.get(name) ?? 0), 0) +
      ICMP6_ERRORS.reduce((total, name) => total + (v6.get(name) ?? 0), 0),
    // Counted beside a drop that has another name, or that TCP makes good: evidence, not accounts.
    fragmentationFailed: sum("FragFails"),
    reversePath: ext?.get("IPReversePathFilter") ?? 0,
    listenFull: ext?.get("ListenOverflows") ?? 0,
    "drop.no_route": sum("OutNoRoutes") + sum("InNoRoutes"),
    "drop.in_discards": sum("InDiscards"),
    // A datagram that its own link refuses is counted there and here.
    "drop.out_discards": Math.max(0, sum("OutDiscards") - column(11)),
    "drop.header_errors": sum("InHdrErrors"),
    "drop.address_errors": sum("InAddrErrors"),
    "drop.truncated": sum("InTruncatedPkts"),
    "drop.unknown_protocol": sum("InUnknownProtos"),
    // TCP's are those of both families.
    "drop.checksum": (tcp?.get("InErrs") ?? 0) + (udp?.get("InCsumErrors") ?? 0) + (v6.get("Udp6InCsumErrors") ?? 0),
    "drop.reassembly_failed": sum("ReasmFails"),
    "drop.interface_rx": column(3),
    "drop.interface_tx": column(11),
  };
}

/** /proc/net/snmp and netstat have a line of names and a line of numbers for each protocol. */
export function snmpTable(text: string, protocol: string): Map<string, number> {
  const [names = [], numbers = []] = text
    .split("\n")
    .filter((line) => line.startsWith(`${protocol}: `))
    .map((line) => line.split(" ").slice(1));
  return new Map(names.map((name, i) => [name, Number(numbers[i])]));
}
