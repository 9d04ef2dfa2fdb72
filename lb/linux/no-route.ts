// SPDX-License-Identifier: Apache-2.0
import type { Protocol, WithoutTargets } from "../../harness/api/index.ts";

/**
 * Where no rule and no route takes packets for the VIP, the router answers with ICMP: destination unreachable. A TCP socket that is
 * connecting ends by it; for a UDP socket it is no error (icmp_err_convert in net/ipv4/icmp.c).
 */
export const noRoute = (protocol: Protocol): WithoutTargets => (protocol === "tcp" ? "unreachable" : "silence");
