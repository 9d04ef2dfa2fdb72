// SPDX-License-Identifier: Apache-2.0
// Connection tracking: what it remembers of targets that leave, and what it counts.
import { z } from "zod";
import {
  addressOf,
  FAMILIES,
  type Host,
  type Protocol,
  type Reuse,
  setSysctls,
  type Topology,
} from "../../harness/api/index.ts";
import { timeoutsOf } from "./options.ts";

export type LeaveMode = "drain" | "flush" | "dead";

export const leave = z
  .enum(["drain", "flush", "dead"])
  .default("flush")
  .describe(
    "connections of a target that leaves: let them live, or forget them so that they end at once; dead: it has died, and they hang on what is not forgotten",
  );

/** Whether a packet of a connection that conntrack does not know makes a new one. SCTP's data makes none: it is invalid. */
export const beginsAnew = (protocol: Protocol, looseTcp: boolean): boolean =>
  protocol === "udp" || (protocol === "tcp" && looseTcp);

/**
 * A 5-tuple that is opened again: the client's SYN ends an entry whose connection it had closed itself, so that rules are asked anew; over
 * UDP the entry goes on, until it is flushed.
 */
export function natReuse(
  { leave, timeouts }: { leave: LeaveMode; timeouts: string },
  protocol: Protocol,
): Reuse | null {
  if (protocol === "sctp") return null;
  if (protocol === "tcp") return { after: "again", gone: "again" };
  const { udp } = timeoutsOf(timeouts);
  const gone = leave === "flush" ? "again" : leave === "drain" ? "same" : "lost";
  return { after: "same", gone, ...(udp > 0 ? { forgottenS: udp } : {}) };
}

export const leavesDead = ({ leave }: { leave: string }): boolean => leave === "dead";

export const masquerade = z
  .stringbool()
  .optional()
  .describe(
    "replies return to the router's own address (default: only with several routers, where the way back is open)",
  );

export const looseTcp = z
  .stringbool()
  .default(true)
  .describe(
    "a TCP connection that conntrack does not know is taken for a new one (net.netfilter.nf_conntrack_tcp_loose)",
  );

/** Each network namespace has time-outs of its own; 0 leaves the kernel's. */
export async function setTimeouts(host: Host, text: string): Promise<void> {
  const { tcp, fin, udp } = timeoutsOf(text);
  const given: [seconds: number, names: string[]][] = [
    [tcp, ["tcp_timeout_established"]],
    [fin, ["tcp_timeout_fin_wait", "tcp_timeout_close_wait", "tcp_timeout_last_ack", "tcp_timeout_time_wait"]],
    [udp, ["udp_timeout", "udp_timeout_stream"]],
  ];
  const lines = given.flatMap(([s, names]) =>
    s === 0 ? [] : names.map((name) => `net/netfilter/nf_conntrack_${name}=${s}`),
  );
  if (lines.length > 0) await setSysctls(host, lines);
}

/**
 * With several routers a reply must come back to the one that knows the connection: its own address sees to that, unless they all
 * know it.
 */
export function returnPath(topology: Topology, given: boolean | undefined): "masquerade" | "routed" {
  return (given ?? (topology.routers.length > 1 && !topology.sharesState)) ? "masquerade" : "routed";
}

/** The next packet of a forgotten connection is taken for a new one and comes to another target, which ends it. */
export async function flushTargets(host: Host, topology: Topology, indices: readonly number[]): Promise<void> {
  const targets = topology.targets.filter((_, i) => indices.includes(i));
  const addresses = targets.flatMap((target) => FAMILIES.map((family) => addressOf(target, family)));
  if (addresses.length > 0) await host.exec(["@conntrack-forget", ...addresses]);
}

/** What conntrack dropped and refused in this machine. */
export async function conntrackCounters(host: Host): Promise<Record<string, number>> {
  const { stdout } = await host.exec(["conntrack", "-S"], { check: false });
  const sum = (name: string) =>
    [...stdout.matchAll(new RegExp(`\\b${name}=(\\d+)`, "g"))].reduce((total, [, n]) => total + Number(n), 0);
  return {
    "drop.conntrack_drop": sum("drop"),
    "drop.conntrack_early_drop": sum("early_drop"),
    "conntrack.invalid": sum("invalid"),
    "conntrack.insert_failed": sum("insert_failed"),
  };
}
