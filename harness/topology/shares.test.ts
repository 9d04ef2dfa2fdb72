// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { sourcePrefixes } from "./shares.ts";
import { isTester, planTopology } from "./topology.ts";
import { machineBatch } from "./wiring.ts";

/** First and last address, as numbers in the network of the sources. */
function span(prefix: string): [number, number] {
  const [address = "", bits = ""] = prefix.split("/");
  const [high = 0, low = 0] = address.split(".").slice(2).map(Number);
  const from = address.includes(":") ? Number.parseInt(address.slice(6) || "0", 16) : high * 256 + low;
  return [from, from + 2 ** ((address.includes(":") ? 128 : 32) - Number(bits)) - 1];
}

test("testers' prefixes are shares of the sources as the traffic program draws them, and all of the network", (t) => {
  for (const [testers, sources] of [
    [1, 65_534],
    [2, 65_534],
    [3, 10],
    [8, 62],
  ] as const)
    for (const family of [4, 6] as const) {
      const all = sourcePrefixes(planTopology({ targets: 1, routers: 1, testers, sources }), family);
      let next = 0;
      for (const [i, { prefixes }] of all.entries()) {
        for (const prefix of prefixes) {
          const [from, to] = span(prefix);
          t.is(from, next, `${testers} ${sources} ${prefix}`);
          next = to + 1;
        }
        // Of source number s, counted from 0, the address is s + 1.
        if (i < all.length - 1) t.is(next, 1 + Math.floor((sources * (i + 1)) / testers));
      }
      t.is(next, 65_536);
    }
});

test("further testers have names of their own, and routers lead to each its share", (t) => {
  const topology = planTopology({ targets: 201, routers: 1, testers: 3, squeezeMtu: 1300 });
  const names = topology.machines.map(({ name }) => name);
  t.is(new Set(names).size, names.length);
  t.deepEqual(names.filter(isTester), ["vm-221", "vm-223", "vm-224"]);
  const between = topology.squeeze?.machine;
  if (!between) return t.fail();
  t.regex(machineBatch(topology, between), /route add 50\.0\.0\.0\/18 via 192\.168\.3\.221 mtu lock 1300/);
  const plain = planTopology({ targets: 1, routers: 1, testers: 2 });
  const [router, second] = [plain.routers[0], plain.testers[1]];
  if (!router || !second) return t.fail();
  const batch = machineBatch(plain, router);
  t.regex(batch, /route add 50\.0\.0\.0\/17 via 192\.168\.2\.221\n/);
  t.regex(batch, /route add 2000::8000\/113 via 1000::1:192\.168\.2\.223\n/);
  t.regex(batch, /neigh add 192\.168\.2\.223 lladdr 00:00:00:01:02:df/);
  t.regex(machineBatch(plain, second), /route add 10\.0\.0\.0\/29 nexthop via 192\.168\.2\.201/);
});
