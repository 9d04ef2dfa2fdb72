// SPDX-License-Identifier: Apache-2.0
// A guest that breaks or loops in the middle of a run, and a harness that ends while the lab's time stands.
import path from "node:path";
import { eventually } from "../machine.ts";
import { type Attack, endOf, verdictIn, withRun } from "./attacked.ts";
import { type Fault, outcomeText } from "./fault.ts";
import { STANDS } from "./misbehaving.ts";

const BACKEND = path.join(import.meta.dirname, "misbehaving.ts");
const WORDS =
  "misbehaving_scale --targets 2 --connections 60 --at 1,3 --duration 5 --rate 120 --scale 1 --reporter json".split(
    " ",
  );

/** A run that goes wrong at its first event. */
const going = (does: "panic" | "loop" | "think"): Pick<Attack, "words"> => ({
  words: [...WORDS, "--backend", BACKEND, "--set", `does=${does}`],
});

const broken =
  (does: "panic" | "loop", sentence: RegExp, told: string): Fault["got"] =>
  (where) =>
    withRun({ where, ...going(does) }, async (run) => {
      const { code } = await run.ended;
      const { verdict, reason } = verdictIn(run.out);
      return outcomeText(run, `${verdict}, exit code ${code}, ${sentence.test(reason) ? told : `told: ${reason}`}`);
    });

const signalled =
  (signal: NodeJS.Signals): Fault["got"] =>
  (where) =>
    withRun({ where, ...going("think") }, async (run) => {
      if (!(await eventually(() => run.said().includes(STANDS), where.timeoutMs))) return `no event: ${run.said()}`;
      run.kill(signal);
      return outcomeText(run, endOf(await run.ended));
    });

export const guestFaults: readonly Fault[] = [
  {
    kind: "killed",
    fault: "the guest's kernel, which panics at an event",
    wanted: "error, exit code 3, its console's last words told",
    on: ["vm"],
    got: broken("panic", /went down:[\s\S]*sysrq/i, "its console's last words told"),
  },
  {
    kind: "stopped",
    fault: "the guest, which loops for ever at an event",
    wanted: "error, exit code 3, its CPU time told",
    on: ["vm"],
    got: broken("loop", /guest has used 120 s of CPU time/, "its CPU time told"),
  },
  ...(["SIGKILL", "SIGINT"] as const).map(
    (signal): Fault => ({
      kind: "killed",
      fault: `the harness, ${signal} while the lab's time stands`,
      wanted: signal === "SIGKILL" ? signal : "130",
      on: ["vm"],
      got: signalled(signal),
    }),
  ),
];
