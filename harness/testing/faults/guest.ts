// SPDX-License-Identifier: Apache-2.0
// A guest whose kernel goes down in the middle of a run.
import path from "node:path";
import { verdictIn, withRun } from "./attacked.ts";
import { type Fault, outcomeText } from "./fault.ts";

const BACKEND = path.join(import.meta.dirname, "panicking.ts");

export const guestFaults: readonly Fault[] = [
  {
    kind: "killed",
    fault: "the guest's kernel, which panics at an event",
    wanted: "error, exit code 3, its console's last words told",
    on: ["vm"],
    got: (where) => {
      const words =
        "panicking_scale --targets 2 --connections 60 --at 1,3 --duration 5 --rate 120 --scale 1 --reporter json".split(
          " ",
        );
      return withRun({ where, words: [...words, "--backend", BACKEND] }, async (run) => {
        const { code } = await run.ended;
        const { verdict, reason } = verdictIn(run.out);
        const told = /went down:[\s\S]*sysrq/i.test(reason) ? "its console's last words told" : `told: ${reason}`;
        return outcomeText(run, `${verdict}, exit code ${code}, ${told}`);
      });
    },
  },
];
