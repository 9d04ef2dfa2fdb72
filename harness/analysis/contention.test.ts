// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { calibrate, watchMachine } from "../host/contention.ts";
import type { Event, EventOf } from "../record/schema.ts";
import { contentionOf } from "./contention.ts";

const second = (i: number, foreignCpus: number | null, stolenCpus = 0): Event => ({
  kind: "machine",
  t: i * 1e9,
  windowNs: 1e9,
  busyCpus: 1,
  foreignCpus,
  stolenCpus,
  cpus: 2,
});

test("seconds in which others took more than half a CPU are marked, and the note counts them", (t) => {
  const found = contentionOf([second(1, 0.1), second(2, 0.9), second(3, 0.2, 0.4), second(4, null)], 0);
  t.deepEqual(
    found.disturbed.map(({ fromMs, toMs }) => [fromMs, toMs]),
    [
      [1000, 2000],
      [2000, 3000],
    ],
  );
  t.regex(found.note ?? "", /disturbed in 2 of 4 seconds: other programs took up to 0\.9 CPUs/);
  t.is(found.busyCpus, (0.9 + 0.1 + 0.8 + 1) / 4);
});

test("a machine that became slower or faster is told, one that did not is not", (t) => {
  const at = (moment: "before" | "after", medianNs: number): Event => ({
    kind: "calibration",
    t: 0,
    moment,
    bestNs: medianNs,
    medianNs,
  });
  t.regex(contentionOf([at("before", 100), at("after", 200)], 0).note ?? "", /2\.0 times as long .* slower\./);
  t.regex(contentionOf([at("before", 200), at("after", 100)], 0).note ?? "", /0\.5 times as long .* faster\./);
  t.is(contentionOf([at("before", 100), at("after", 120)], 0).note, null);
  t.is(contentionOf([], 0).note, null);
});

test("a calibration takes some milliseconds, and its own work is not foreign to the watch", async (t) => {
  const one = calibrate("before") as EventOf<"calibration">;
  t.true(one.bestNs > 1e4 && one.bestNs <= one.medianNs, `${one.bestNs}`);
  const seen: EventOf<"machine">[] = [];
  const stop = watchMachine(true, (event) => seen.push(event as EventOf<"machine">));
  const [cpu, begin] = [process.cpuUsage(), performance.now()];
  const end = begin + 1300;
  while (performance.now() < end) {
    calibrate("before");
    await new Promise((resolve) => setImmediate(resolve));
  }
  stop();
  const used = process.cpuUsage(cpu);
  const ownCpus = (used.user + used.system) / 1000 / (performance.now() - begin);
  const [window] = seen;
  // Of the CPU that was busy, this program's part is not foreign: not half of it, as others may keep it from its core.
  const text = `${ownCpus} of ${JSON.stringify(seen)}`;
  t.true(window !== undefined && window.busyCpus > ownCpus / 2, text);
  t.true((window?.foreignCpus ?? 9) <= (window?.busyCpus ?? 0) - ownCpus / 2, text);
});
