// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import type { RecordWriter } from "../record/record.ts";
import type { Lab } from "../runtime/runtime.ts";
import { planTopology } from "../topology/topology.ts";
import { TargetOutage } from "./target-outage.ts";

/** A lab whose machines write down what they are told, and a record that keeps the drops it is told of. */
function fakeLab(dropped: () => number) {
  const topology = planTopology({ targets: 2, routers: 1 });
  const told: string[] = [];
  const wiring = (name: string) => ({
    exec: (argv: string[], { input = "" } = {}) => {
      if (argv.includes("show")) return Promise.resolve({ stdout: `qdisc pfifo 1: root (dropped ${dropped()}, ` });
      told.push(
        ...input
          .trim()
          .split("\n")
          .map((line) => `${name}: ${line}`),
      );
      return Promise.resolve({ stdout: "" });
    },
  });
  const drops: [before: number, after: number][] = [];
  const record = { addFabricDrops: (_t: number, _name: string, ...both: [number, number]) => drops.push(both) };
  const lab = { topology, wiring, clock: { now: () => 0 } } as unknown as Lab;
  return { outage: new TargetOutage(lab, record as unknown as RecordWriter), targets: topology.targets, told, drops };
}

test("queues are there before the traffic: a death changes their room, as to put one there drops what nobody counts", async (t) => {
  const { outage, targets, told } = fakeLab(() => 0);
  await outage.prepare(targets);
  t.is(told.filter((line) => /qdisc replace dev \S+ root pfifo limit 10000$/.test(line)).length, 4);
  told.length = 0;
  await outage.begin(targets.slice(0, 1));
  await outage.end();
  t.false(told.some((line) => line.includes("qdisc del")));
  const queues = told.filter((line) => line.includes("qdisc"));
  t.deepEqual(
    queues.map((line) => line.replace(/dev \S+ /, "")).sort(),
    ["fabric", "vm-001"].flatMap((name) =>
      [0, 10_000].map((room) => `${name}: qdisc replace root pfifo limit ${room}`),
    ),
  );
});

test("what a queue has dropped since it is there is counted once, over several deaths", async (t) => {
  let total = 7;
  const { outage, targets, drops } = fakeLab(() => total);
  await outage.begin(targets.slice(0, 1));
  await outage.end();
  total = 9;
  await outage.begin(targets);
  await outage.end();
  t.deepEqual(drops, [
    [0, 7],
    [7, 18],
  ]);
});
