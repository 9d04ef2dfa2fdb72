// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import type Docker from "dockerode";
import { isDead } from "../../host/owner.ts";
import { launchProgram } from "../../host/program.ts";
import { hostileBytes, randomNumbers } from "../../testing/hostile.ts";
import { ownLabels, removeOrphans } from "./owner.ts";

const OWNER = "load-balancer.owner";
const mine = ownLabels("run")[OWNER] ?? "";

/** The label of a process that has ended. */
async function deadLabel(): Promise<string> {
  const { pid, ended } = launchProgram(["true"]);
  await ended;
  return JSON.stringify({ ...(JSON.parse(mine) as object), pid });
}

test("a label that is malformed stops nothing: its container is left alone, and those of the dead are removed", async (t) => {
  const labels = ["{", "", "null", "[]", "7", '{"host":7}', '{"pid":-1}', mine, await deadLabel()];
  const removed: string[] = [];
  const engine = {
    listContainers: async () =>
      labels.map((label, i) => ({
        Id: `${i}`,
        Names: [`/c${i}`],
        Labels: { "load-balancer.run": "x", [OWNER]: label },
      })),
    getContainer: (id: string) => ({ remove: async () => void removed.push(id) }),
  };
  t.deepEqual(await removeOrphans(engine as unknown as Docker), [`c${labels.length - 1}`]);
  t.deepEqual(removed, [`${labels.length - 1}`]);
});

test("whatever a label says, it is judged", (t) => {
  const random = randomNumbers(14);
  for (let n = 0; n < 5000; n++) t.notThrows(() => isDead(hostileBytes([Buffer.from(mine)], random).toString()));
  t.false(isDead(mine));
});
