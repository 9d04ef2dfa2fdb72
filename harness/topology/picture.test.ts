// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";
import path from "node:path";
import test from "ava";
import { root } from "../testing/machine.ts";
import { topologySvg } from "./picture.ts";
import { planTopology } from "./topology.ts";

test("every machine of a small lab is in the picture, with its address; of a large one the first and the last", (t) => {
  const small = planTopology({ targets: 4, routers: 2 });
  const picture = topologySvg(small);
  for (const { name, links } of small.machines) {
    t.true(picture.includes(name));
    t.true(picture.includes(links[0]?.ipv4 ?? "none"));
  }
  const large = topologySvg(planTopology({ targets: 1000, routers: 1 }));
  t.true(large.includes("vm-001") && large.includes("vm-1100") && !large.includes("vm-500"));
  t.regex(large, /each of 1000 targets/);
  t.true(topologySvg(planTopology({ targets: 2, routers: 2, squeezeMtu: 1400 })).includes("vm-222"));
});

test("one of a kind is one: no '1 routers'", (t) => {
  const one = topologySvg(planTopology({ targets: 1, routers: 1 }));
  t.regex(one, /1 router, 1 target</);
  t.regex(one, /on the router; the target has the VIP/);
});

test("the picture of the documents is the program's", (t) => {
  const drawn = readFileSync(path.join(root, "docs/topology.svg"), "utf8");
  t.is(
    drawn,
    topologySvg(planTopology({ targets: 4, routers: 2 })),
    "./load-balancer.ts topology --targets 4 --routers 2 --svg docs/topology.svg",
  );
});
