// SPDX-License-Identifier: Apache-2.0
// Options of hostile neighbours.
import { SYN_COOKIES } from "../record/base.ts";
import { amount, choice, option, whole } from "./option.ts";

export const floodShape = {
  flood: option(amount((n) => n.min(0).max(1_000_000)).optional(), {
    group: "Load",
    about: "scenario flood: packets per second from sources that never answer: SYNs, or datagrams with --protocol udp",
    unit: "packets per second",
    defaultText: "10000",
  }),
  synBacklog: option(whole(8, 65_535).optional(), {
    group: "Load",
    about:
      "scenario flood: half-open connections that listeners have room for (net.ipv4.tcp_max_syn_backlog), without SYN cookies unless --syn-cookies says so",
    unit: "connections",
    defaultText: "the kernel's, with SYN cookies",
  }),
  synCookies: option(choice(SYN_COOKIES).optional(), {
    group: "Load",
    about:
      "scenario flood: whether listeners answer by SYN cookies (net.ipv4.tcp_syncookies): never, once they have no room for half-open connections, or always",
    defaultText: "full; off with --syn-backlog",
  }),
};
