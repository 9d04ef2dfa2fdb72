// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { noiseOf } from "./accounts.ts";
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
