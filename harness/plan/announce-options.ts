// SPDX-License-Identifier: Apache-2.0
import { ANNOUNCE, HEALTH_WAYS, SYNC_WAYS } from "../record/base.ts";
import { choice, option, whole } from "./option.ts";

/** How tester and targets find out that a router is dead. */
export const announceShape = {
  announce: option(choice(ANNOUNCE).optional(), {
    group: "Events",
    about:
      "scenarios router_crash, router_link, router_pause: how tester and targets find out that a router is dead: not at all (none), static routes with health checks, VRRP (keepalived; one shared address, or one for each of two routers: vrrp-both), or BGP with BFD (BIRD, FRR)",
    defaultText: "static",
  }),
  detectInterval: option(whole(10, 60_000).optional(), {
    group: "Events",
    about: "--announce, --health: time between two health checks, VRRP advertisements or BFD packets",
    unit: "milliseconds",
    defaultText: "300; static: 100",
  }),
  detectMisses: option(whole(1, 100).optional(), {
    group: "Events",
    about: "--announce, --health: health checks or BFD packets missed in a row that make a router dead",
    unit: "misses",
    defaultText: "3",
  }),
  holdTime: option(whole(3, 600).optional(), {
    group: "Events",
    about: "--announce bgp-*: silence after which BGP gives a router up",
    unit: "seconds",
    defaultText: "3",
  }),
  bfd: option(choice(["on", "off"]).optional(), {
    group: "Events",
    about: "--announce bgp-*: whether BFD watches the routers; else the hold time alone tells",
    defaultText: "on",
  }),
  health: option(choice(["none", ...HEALTH_WAYS]).optional(), {
    group: "Events",
    about:
      "scenarios failure, deaf: who finds out that targets are dead, of a backend without health checks: the routers ask each by ICMP echo (icmp), a connection (tcp) or a datagram (udp), and tell the balancer",
    defaultText: "none",
  }),
  detectRises: option(whole(1, 100).optional(), {
    group: "Events",
    about: "--health: answers in a row that make a dead target alive",
    unit: "answers",
    defaultText: "2",
  }),
  damping: option(whole(0, 60_000).optional(), {
    group: "Events",
    about: "--health: how long a router waits for other targets before it tells the balancer",
    unit: "milliseconds",
    defaultText: "1.25 of --detect-interval",
  }),
  sync: option(choice(["none", ...SYNC_WAYS]).optional(), {
    group: "Events",
    about:
      "by what two routers share what conntrack knows of connections (conntrackd: FTFW mode; conntrackd-notrack: NOTRACK mode); takes --announce vrrp, and a backend whose state is conntrack's alone",
    defaultText: "none",
  }),
};
