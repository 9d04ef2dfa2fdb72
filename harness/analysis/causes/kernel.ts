// SPDX-License-Identifier: Apache-2.0
// What a kernel's word for a drop says about the loss of a connection (enum skb_drop_reason, and where it gives none, its function).
import type { RootCause } from "../../record/schema.ts";
import { readFrame } from "../../tap/frame.ts";
import { hopText } from "../../tap/journey.ts";
import type { KernelDrop } from "../../tap/records.ts";
import { icmpCause } from "./icmp.ts";

/** What is dropped by the machine's own choice is the router's or the target's doing. */
type Meaning = RootCause | "own choice";

const BY_REASON: Readonly<Record<string, Meaning>> = {
  IP_RPFILTER: "reverse_path_filter",
  IP_INNOROUTES: "no_route",
  IP_OUTNOROUTES: "no_route",
  IP_INHDR: "no_route",
  NEIGH_CREATEFAIL: "no_route",
  NEIGH_DEAD: "no_route",
  NEIGH_FAILED: "no_route",
  NEIGH_QUEUEFULL: "no_route",
  PKT_TOO_BIG: "mtu",
  IP_CSUM: "checksum",
  SKB_CSUM: "checksum",
  TCP_CSUM: "checksum",
  UDP_CSUM: "checksum",
  PROTO_MEM: "target_full",
  SOCKET_BACKLOG: "target_full",
  SOCKET_RCVBUFF: "target_full",
  CPU_BACKLOG: "link_loss",
  FULL_RING: "link_loss",
  QDISC_DROP: "link_loss",
  NETFILTER_DROP: "own choice",
  SOCKET_FILTER: "own choice",
  TC_EGRESS: "own choice",
  TC_INGRESS: "own choice",
  XDP: "own choice",
};

/** Of drops without a reason. */
const BY_FUNCTION: Readonly<Record<string, Meaning>> = {
  __nf_queue: "queue_overrun",
  nf_queue: "queue_overrun",
  ip_error: "no_route",
};

/** What can be said so. */
export const KERNEL_CAUSES: readonly RootCause[] = [
  ...new Set([...Object.values(BY_REASON), ...Object.values(BY_FUNCTION), "dropped_by_router", "target_slow"] as const),
].filter((meaning): meaning is RootCause => meaning !== "own choice");

const NO_REASON = "NOT_SPECIFIED";

const meaningOf = ({ reason, where }: Pick<KernelDrop, "reason" | "where">): Meaning | undefined =>
  reason === NO_REASON ? BY_FUNCTION[where] : BY_REASON[reason];

/** A socket that is closed frees what was in its queues: nothing of it was on its way. */
const AT_CLOSE = "QUEUE_PURGE";

/** Whether it says why. */
export const isTelling = ({ reason, where }: KernelDrop): boolean =>
  reason === NO_REASON ? where in BY_FUNCTION : reason !== AT_CLOSE;

/** What was dropped is itself a message about the connection: what it would have said. */
function errorIn({ data, length }: KernelDrop) {
  const frame = readFrame(data, length);
  return frame?.icmp ? frame : null;
}

/** null: it is no reason of a loss. */
export function kernelCause(drop: KernelDrop, routers: ReadonlySet<string>): RootCause | null {
  const error = errorIn(drop);
  if (error) return icmpCause(error);
  const meaning = drop.what === "dropped" ? meaningOf(drop) : undefined;
  if (meaning !== "own choice") return meaning ?? null;
  return routers.has(drop.machine) ? "dropped_by_router" : "target_slow";
}

/** Machines of the lab had no room for a packet on its way: no balancer has a say in that. */
const OF_THE_LAB: ReadonlySet<string> = new Set(["CPU_BACKLOG", "FULL_RING", "PROTO_MEM", "SOCKET_BACKLOG"]);
export const isByLab = ({ what, reason }: Pick<KernelDrop, "what" | "reason">): boolean =>
  what === "dropped" && OF_THE_LAB.has(reason);

/** "vm-201 dropped it: IP_RPFILTER in ip_rcv_finish_core"; `it`: what. Of an ICMP error: "vm-201 dropped ICMP 3/4 about it: ...". */
export function dropText(drop: KernelDrop, it = "it"): string {
  const { machine, what, reason, where } = drop;
  const error = errorIn(drop);
  return `${machine} ${what} ${error ? `${hopText(error)} about ` : ""}${it}: ${reason}${where === "" ? "" : ` in ${where}`}`;
}
