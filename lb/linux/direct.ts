// SPDX-License-Identifier: Apache-2.0
// A client's connection to a target's own address from the source address and port of its connection to the VIP.
import type { Direct } from "../../harness/api/index.ts";

/**
 * The two differ in an address all the way, or conntrack sees that they would not: with DNAT both answers come from the same address
 * and port to the same ones, so that the second connection gets another source port.
 */
export const bothLive: Direct = { same: "lives", other: "lives" };

/** Answers of the client's target get the VIP's address, whatever they answer. */
export const oneTaken: Direct = { same: "lost", other: "lives" };

/** All answers of targets get the VIP's address. */
export const allTaken: Direct = { same: "lost", other: "lost" };
