// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import type { Lab } from "../runtime/runtime.ts";
import { planTopology } from "../topology/topology.ts";
import { monotonic } from "../util/clock.ts";
import { linkLocal, speakersOf } from "./bgp.ts";
import { birdText } from "./bird.ts";
import { frrTexts } from "./frr.ts";
import { timeIn } from "./monitor.ts";
import { timersOf } from "./timers.ts";
import { Views } from "./views.ts";
import { configuration } from "./vrrp.ts";

const topology = planTopology({ targets: 2, routers: 2 });
const lab = { topology, clock: monotonic } as Lab;

test("who waits for routers is told since when each machine uses them, and who does not", async (t) => {
  const alarms: string[] = [];
  const views = new Views(monotonic, ["vm-201", "vm-202"], (text) => alarms.push(text));
  views.set("vm-221", [0, 1], 1);
  views.set("vm-001", [0], 2);
  views.set("vm-001", [0], 9);
  const waiting = views.until(["vm-221", "vm-001"], [0], 1000);
  views.set("vm-221", [0], 5);
  t.deepEqual(
    [...(await waiting)],
    [
      ["vm-221", 5],
      ["vm-001", 2],
    ],
  );
  await t.throwsAsync(views.until(["vm-221", "vm-001"], [1], 10), {
    name: "LabError",
    message: "vm-221, vm-001 did not come to use vm-202 within 0.01 s.",
  });
  t.deepEqual(alarms, []);
  views.set("vm-001", [1], 20);
  t.deepEqual(alarms, [], "as it is to be");
  views.set("vm-001", [], 30);
  t.deepEqual(alarms, ["vm-001 uses nobody instead of vm-202, and none had died"]);
});

test("a line of ip(8) is dated by its own time stamp", (t) => {
  const date = new Date(Date.now() - 250);
  const local = new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 23);
  const agoMs = (1e12 - timeIn(`[${local}000] default via 192.168.1.201`, 1e12)) / 1e6;
  t.true(agoMs > 240 && agoMs < 1000, `${agoMs}`);
  t.is(timeIn("default via 192.168.1.201", 7), 7);
});

test("each end of a BGP session names the other, and only routers announce", (t) => {
  const timers = timersOf({ announce: "bgp-bird", detectInterval: 50 }, 5);
  const texts = new Map(speakersOf(lab).map((speaker) => [speaker.machine.name, birdText(speaker, timers)]));
  t.is(texts.size, 5);
  const router = texts.get("vm-202") ?? "";
  t.is(router.match(/^protocol bgp /gm)?.length, 6, "two families to the tester and two targets");
  t.regex(
    router,
    /local 192\.168\.2\.202 as 65001; neighbor 192\.168\.2\.221 as 65221;.*import none; export where proto = "net2_4"/,
  );
  t.regex(router, /min tx interval 50 ms;.*multiplier 3/);
  t.regex(router, /protocol static net1_6 \{ ipv6; route ::\/0 unreachable; \}/);
  const tester = texts.get("vm-221") ?? "";
  t.is(tester.match(/import all; export none/g)?.length, 4);
  t.notRegex(tester, /protocol static/);
  t.notRegex(birdText(speakersOf(lab)[0] as never, timersOf({ announce: "bgp-bird", bfd: "off" }, 8)), /bfd/);
});

test("FRR names its peers by family, and a router's link-local address is made of its MAC", (t) => {
  const [router] = speakersOf(lab);
  if (!router) return t.fail();
  const { bgpd = "", bfdd = "" } = frrTexts(router, timersOf({ announce: "bgp-frr", detectInterval: 50 }, 5));
  t.is(bgpd.match(/ remote-as /g)?.length, 6);
  t.regex(
    bgpd,
    /address-family ipv6 unicast\n {2}network ::\/0\n {2}network 1000::\/125\n {2}neighbor 1000::1:192\.168\.2\.221 activate/,
  );
  t.regex(bfdd, /transmit-interval 50\n/);
  t.is(linkLocal("00:00:00:01:02:c9"), "fe80::200:ff:fe01:2c9");
});

test("keepalived shares an address on each net and in each family, the link-local one first", (t) => {
  const text = configuration({ priorities: [160], intervalMs: 300 });
  t.is(text.match(/^vrrp_instance /gm)?.length, 4);
  t.is(text.match(/advert_int 0\.3$/gm)?.length, 4);
  t.regex(
    text,
    /native_ipv6\n {2}virtual_ipaddress \{\n {4}fe80::250\/64 dev eth2\n {4}1000::1:192\.168\.2\.250\/128 dev eth2/,
  );
  t.regex(text, /vrrp_garp_master_refresh 1/);
});

test("with two shared addresses each router has the higher priority for its own, and they share no number", (t) => {
  const text = configuration({ priorities: [160, 150], intervalMs: 300 });
  t.is(text.match(/^vrrp_instance /gm)?.length, 8);
  t.is(text.match(/^vrrp_sync_group /gm)?.length, 2);
  t.regex(text, /virtual_router_id 10\n {2}priority 160\n/);
  t.regex(text, /virtual_router_id 11\n {2}priority 150\n/);
  t.regex(text, /fe80::251\/64 dev eth2\n {4}1000::1:192\.168\.2\.251\/128 dev eth2/);
});
