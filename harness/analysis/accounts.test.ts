// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import type { Event, RunInfo } from "../record/schema.ts";
import { noiseOf, packetFailures } from "./accounts.ts";
import { packets } from "./packets.ts";
import { binomialUpperP } from "./statistics.ts";

test("a healthy lab may miss a few packets by chance, never a share of all", (t) => {
  t.deepEqual(
    [0, 100, 5_000, 10_000, 193_279, 2_000_000].map((sent) => noiseOf(sent, false)),
    [0, 1, 2, 3, 7, 26],
  );
  t.true(noiseOf(193_279, false) < 105);
  t.true(noiseOf(10_000, true) > 10, "netem drops where nobody counts");
});

test("one packet more than the noise is less likely than the alarm, one fewer is not", (t) => {
  for (const sent of [1000, 50_000, 1_000_000]) {
    const most = noiseOf(sent, false);
    t.true(binomialUpperP(most + 1, sent, 5e-6) < 1e-5);
    t.true(most === 0 || binomialUpperP(most, sent, 5e-6) >= 1e-5);
  }
});

test("packets of a backend that says so are not accounted for", (t) => {
  const counters = (moment: "before" | "after", machine: string, values: Record<string, number>): Event => ({
    kind: "counters",
    t: 0,
    machine,
    moment,
    values,
  });
  const deployed: Event = { kind: "deployed", t: 0, backend: "x", active: [], effectiveOptions: {}, oracle: null };
  const seen = (first: Event) => {
    const events = [
      first,
      counters("before", "vm-221", { ipOut: 0 }),
      counters("before", "vm-001", { ipIn: 0 }),
    ].concat([counters("after", "vm-221", { ipOut: 5000 }), counters("after", "vm-001", { ipIn: 6213 })]);
    const run = { options: {}, targets: ["vm-001"] } as unknown as RunInfo;
    return packets({ run, events } as never)?.part().summary?.packets;
  };
  const failures = (first: Event) => packetFailures({ packets: seen(first) as never, family: 4 } as never);
  t.regex(
    failures(deployed)[0] ?? "",
    /^targets received 1,213 packets more than the tester sent \(5,000\): a proxy must count/,
  );
  t.deepEqual(failures({ ...deployed, accounts: false }), []);
  t.like(seen({ ...deployed, accounts: false }), { accounts: false, unaccounted: 0, received: 6213 });
});
