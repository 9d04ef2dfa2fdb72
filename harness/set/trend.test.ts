// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { scaleRun } from "../report/fixture.ts";
import { lineNames } from "./trend.ts";

test("runs of a case with other options are no trend of it: lines of their own, named by what differs", (t) => {
  const { run, summary } = scaleRun();
  const attempt = (seed: number, more: object = {}) => ({
    run: { ...run, options: { ...run.options, seed, ...more } },
    summary,
    dir: String(seed),
  });
  const name = "nfqueue_scale, tcp over IPv4";
  t.deepEqual(lineNames([attempt(1), attempt(2)]), [name, name]);
  t.deepEqual(lineNames([attempt(1, { targets: 4, changesPerMinute: 30 }), attempt(2, { targets: 10 })]), [
    `${name}, targets 4, changes-per-minute 30`,
    `${name}, targets 10`,
  ]);
});
