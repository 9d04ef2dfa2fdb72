// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import type { Session } from "../runtime/runtime.ts";
import { monotonic, standing } from "../util/clock.ts";
import { Jobs } from "./jobs.ts";
import type { Chosen } from "./runtimes.ts";

type Lab = "guest" | "netns" | "none";

const chosen = (lab: Lab) => {
  const session = lab === "none" ? null : ({ clock: lab === "guest" ? standing : monotonic } as Session);
  return { runtime: { name: lab }, session } as Pick<Chosen, "runtime" | "session">;
};

/** Each run lasts until those before it have moved on; what was under way with each is kept. */
async function beside(most: number, labs: readonly Lab[], notes: string[] = []) {
  const under = new Set<number>();
  const seen: string[] = [];
  const begun = await new Jobs(most, (text) => void notes.push(text)).each(labs, async (lab, i) => ({
    chosen: chosen(lab),
    run: async () => {
      under.add(i);
      for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
      seen[i] = [...under].sort((a, b) => a - b).join("");
      under.delete(i);
      return true;
    },
  }));
  return { begun, seen };
}

test("guests in virtual time are side by side, as many as were asked for, and begin in their order", async (t) => {
  t.deepEqual(await beside(1, ["guest", "guest", "guest"]), { begun: 3, seen: ["0", "1", "2"] });
  const { seen } = await beside(2, ["guest", "guest", "guest", "guest"]);
  t.is(seen[0], "01");
  t.true(seen.every((those) => (those?.length ?? 0) <= 2));
});

test("a lab that keeps this machine's time has it to itself, and that is said once", async (t) => {
  const notes: string[] = [];
  const { seen } = await beside(2, ["guest", "netns", "netns", "guest", "none"], notes);
  t.deepEqual(seen.slice(0, 3), ["0", "1", "2"]);
  t.is(seen[3], "34");
  t.deepEqual(notes, ["netns keeps this machine's time, so its runs are made one at a time."]);
  await beside(1, ["netns"], notes);
  t.is(notes.length, 1);
});

test("an end before the last, and an error, wait for what is under way and begin nothing more", async (t) => {
  const ended: number[] = [];
  const run = (i: number, turns: number, result: () => boolean) => async () => {
    for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
    ended.push(i);
    return result();
  };
  const jobs = new Jobs(2, () => {});
  const begun = await jobs.each([0, 1, 2, 3], async (i) => ({
    chosen: chosen("guest"),
    run: run(i, i === 0 ? 1 : 9, () => i !== 0),
  }));
  t.is(begun, 2);
  t.deepEqual(ended, [0, 1]);
  const failing = jobs.each([4, 5, 6], async (i) => ({
    chosen: chosen("guest"),
    run: run(i, i === 4 ? 1 : 9, () => {
      if (i === 4) throw new Error("It broke.");
      return true;
    }),
  }));
  await t.throwsAsync(failing, { message: "It broke." });
  t.deepEqual(ended, [0, 1, 4, 5]);
  const unprepared = jobs.each([7, 8], async (i) => {
    if (i === 8) throw new Error("No kernel.");
    return { chosen: chosen("guest"), run: run(i, 9, () => true) };
  });
  await t.throwsAsync(unprepared, { message: "No kernel." });
  t.deepEqual(ended, [0, 1, 4, 5, 7]);
});

test("what must be alone waits until no run is under way", async (t) => {
  const jobs = new Jobs(3, () => {});
  const order: string[] = [];
  await jobs.each(["a", "b"], async (name) => {
    await jobs.alone(async () => void order.push(`prepare ${name}`));
    return {
      chosen: chosen("guest"),
      run: async () => {
        await new Promise(setImmediate);
        order.push(name);
        return true;
      },
    };
  });
  t.deepEqual(order, ["prepare a", "a", "prepare b", "b"]);
});
