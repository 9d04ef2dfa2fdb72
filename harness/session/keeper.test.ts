// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import type { Balancer } from "../api/backend.ts";
import type { Lab } from "../runtime/runtime.ts";
import { planTopology } from "../topology/topology.ts";
import { type Held, KeptLab } from "./keeper.ts";

/** A lab of five targets whose balancer takes its time, the longer the more targets it gets; and what the balancer was told. */
function heldLab() {
  const told: number[][] = [];
  const balancer: Pick<Balancer, "setTargets"> = {
    async setTargets(active) {
      await new Promise((resolve) => setTimeout(resolve, 5 * active.length));
      if (active.length === 2) throw new Error("The balancer is tired.");
      told.push([...active]);
      return performance.now() * 1e6;
    },
  };
  const lab: Pick<Lab, "topology" | "runtime"> = {
    topology: planTopology({ targets: 5, routers: 1 }),
    runtime: "netns",
  };
  return { told, kept: new KeptLab({ lab, balancer, backend: "nfqueue" } as unknown as Held, () => {}) };
}

test("concurrent requests to scale are all in force at the end, one after another", async (t) => {
  const { told, kept } = heldLab();
  const replies = await Promise.all([
    kept.answer({ op: "scale", direction: "in", targets: [1] }),
    kept.answer({ op: "scale", direction: "in", targets: [2] }),
    kept.answer({ op: "scale", direction: "out", targets: [1] }),
  ]);
  t.true(replies.every(({ ok }) => ok));
  t.deepEqual(told, [
    [1, 2, 3, 4],
    [2, 3, 4],
    [0, 2, 3, 4],
  ]);
  t.like(await kept.answer({ op: "status" }), {
    status: { targets: [true, false, true, true, true].map((active) => ({ active })) },
  });
});

test("a change that fails changes nothing, and the next one is carried out", async (t) => {
  const { told, kept } = heldLab();
  const failing = kept.answer({ op: "scale", direction: "in", targets: [1, 2, 3] });
  const next = kept.answer({ op: "scale", direction: "in", targets: [5] });
  await t.throwsAsync(failing, { message: "The balancer is tired." });
  t.true((await next).ok);
  t.deepEqual(told, [[0, 1, 2, 3]]);
});
