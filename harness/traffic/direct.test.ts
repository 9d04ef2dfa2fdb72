// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { directLoad, type Load } from "./streams.ts";

test("twins come up as slowly as the connections to the VIP, where a machine needs that", (t) => {
  const load = (rampS: number, durationS: number) => ({ mode: "stream", size: 1024, rampS, durationS }) as Load;
  t.like(directLoad(load(18, 42), 21), { rampS: 17, durationS: 21, size: 1023 });
  t.like(directLoad(load(1.8, 6), 3), { rampS: 1, durationS: 3 });
});
