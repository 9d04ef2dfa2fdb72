// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { type AnnounceOptions, announcementOf, detectionMs, healthMs, healthOf, timersOf } from "./timers.ts";

const STALL_S = 5;
const detection = (options: AnnounceOptions, routers?: number) => detectionMs(timersOf(options, STALL_S), routers);

test("a dead router is found between the last sign of life that was due and the last that is waited for", (t) => {
  t.deepEqual(detection({}), [300, 400]);
  t.deepEqual(detection({ announce: "static", detectInterval: 50, detectMisses: 1 }), [50, 100]);
  // 3 advertisements and (256 - 150)/256 of one, less what had passed of the first.
  t.deepEqual(detection({ announce: "vrrp", detectInterval: 256 }), [2 * 256 + 106, 3 * 256 + 106]);
  t.deepEqual(detection({ announce: "vrrp", detectInterval: 256 }, 4), [2 * 256 + 86, 3 * 256 + 86]);
  t.deepEqual(detection({ announce: "bgp-bird" }), [605, 905]);
  t.deepEqual(detection({ announce: "bgp-frr" }), [665, 965]);
  const hold = { announce: "bgp-bird", bfd: "off" } as const;
  t.deepEqual(detectionMs(timersOf(hold, 8)), [2005, 3005]);
  t.is(detection({ announce: "none" }), null);
});

test("a dead target is found as a router is, and told when others that died with it are found too", (t) => {
  t.is(healthOf({ health: "none" }), null);
  const health = healthOf({ health: "icmp", detectInterval: 200, detectMisses: 2 });
  t.deepEqual(health && healthMs(health), [650, 850]);
  t.is(health?.rises, 2);
  const quick = healthOf({ health: "udp", detectRises: 1, damping: 0 });
  t.deepEqual(quick, { by: "udp", intervalMs: 100, misses: 3, rises: 1, dampingMs: 0 });
  t.deepEqual(quick && healthMs(quick), [300, 400]);
  t.throws(() => healthOf({ damping: 10 }), { message: /^--damping is of health checks/ });
  t.throws(() => healthOf({ health: "none", detectRises: 1 }), { message: /^--detect-rises is of health checks/ });
});

test("under VRRP one router has all flows, else all share them", (t) => {
  const serves = (announce: "vrrp" | "vrrp-both" | "static") =>
    announcementOf(timersOf({ announce }, STALL_S), 2).serves;
  t.is(serves("vrrp"), "last");
  t.is(serves("static"), "all");
  t.is(serves("vrrp-both"), "all");
  t.deepEqual(detection({ announce: "vrrp-both", detectInterval: 256 }), [2 * 256 + 106, 3 * 256 + 106]);
});

test("routers that share what they know have one of them in charge", (t) => {
  t.like(timersOf({ sync: "conntrackd" }, STALL_S), { by: "vrrp", sync: "conntrackd" });
  t.like(timersOf({ sync: "conntrackd-notrack" }, STALL_S), { by: "vrrp", sync: "conntrackd-notrack" });
  t.is(timersOf({ announce: "vrrp", bfd: "off" }, STALL_S).bfd, false, "there is none");
  t.is(timersOf({ sync: "none" }, STALL_S).sync, null);
});

const wrong: [AnnounceOptions, RegExp][] = [
  [{ announce: "static", sync: "conntrackd" }, /^With --announce static all routers are in use/],
  [{ announce: "none", detectMisses: 3 }, /^With --announce none nobody finds out/],
  [{ announce: "vrrp", detectMisses: 2 }, /^VRRP waits for 3 advertisements/],
  [{ announce: "static", holdTime: 3 }, /are BGP's, not those of --announce static/],
  [{ bfd: "on" }, /are BGP's/],
  [{ announce: "bgp-bird", bfd: "off", detectInterval: 50 }, /--bfd off has none/],
  [
    { announce: "bgp-bird", detectInterval: 1000 },
    /^BFD would tell after 3000 ms, and BGP gives up after --hold-time 3/,
  ],
  [{ announce: "vrrp", detectInterval: 1000 }, /up to 3\.4 s.*Try --stall 8, or a shorter/],
];
for (const [options, message] of wrong)
  test(`timers that contradict each other are refused: ${JSON.stringify(options)}`, (t) => {
    t.throws(() => timersOf(options, STALL_S), { message, name: "UsageError" });
  });
