// SPDX-License-Identifier: Apache-2.0
// `npx tsx harness/gate/power.ts [runs]`: how often the gate is right, out of simulated records. Prints the table of README.md.
import { analyse } from "../analysis/analyse.ts";
import { exact95 } from "../analysis/statistics.ts";
import { makeBaseline } from "./baseline.ts";
import { judgeGate } from "./gate.ts";
import { groupRuns } from "./groups.ts";
import { type Simulation, simulate } from "./simulate.ts";
import { thresholds } from "./thresholds.ts";

type Trial = Omit<Simulation, "seed"> & { repeats?: number };

/** Whether the gate fails these repeats; `against` are the repeats of the baseline, each trial with seeds of its own. */
export function alarms({ repeats = 1, ...trial }: Trial, index: number, against: Trial | null): boolean {
  const limits = thresholds.parse({});
  const groups = groupsOf(trial, index * 2 * repeats, repeats);
  let baseline = null;
  if (against) {
    const { repeats: before = repeats, ...other } = against;
    const [group] = groupsOf(other, (index * 2 + 1) * repeats + 1_000_000, before);
    // A baseline is kept as it is, however its own gate would judge it.
    baseline = makeBaseline(
      group ? [{ ...group, summaries: group.summaries.map((s) => ({ ...s, verdict: "pass" })) }] : [],
    );
  }
  return judgeGate(groups, limits, baseline, null).some(({ state }) => state === "failed");
}

function groupsOf(trial: Omit<Simulation, "seed">, seed: number, repeats: number) {
  return groupRuns(
    Array.from({ length: repeats }, (_, i) => {
      const { run, record } = simulate({ ...trial, seed: seed + i });
      return { run, ...analyse(run, record) };
    }),
  );
}

export function rate(runs: number, trial: Trial, against: Trial | null = null): number {
  let found = 0;
  for (let i = 0; i < runs; i++) if (alarms(trial, i, against)) found++;
  return found;
}

const ROWS: [what: string, trial: Trial, runsShare?: number][] = [
  [
    "1 % lost beyond the prediction, each connection known",
    { connections: 1000, oracle: "exact", fault: { kind: "excess_loss", share: 0.01 } },
  ],
  [
    "1 % reset between events, each connection known",
    { connections: 1000, oracle: "exact", fault: { kind: "resets", share: 0.01 } },
  ],
  [
    "1 % reset between events, no oracle",
    { connections: 1000, oracle: "none", fault: { kind: "resets", share: 0.01 } },
  ],
  [
    "1 % lost beyond the prediction, shares known, 1 run of 1,000",
    { connections: 1000, oracle: "shares", fault: { kind: "excess_loss", share: 0.01 } },
  ],
  [
    "the same, 10 runs of 1,000",
    { connections: 1000, repeats: 10, oracle: "shares", fault: { kind: "excess_loss", share: 0.01 } },
    0.1,
  ],
  [
    "5 % lost beyond the prediction, shares known, 1 run of 1,000",
    { connections: 1000, oracle: "shares", fault: { kind: "excess_loss", share: 0.05 } },
  ],
  ["the same, 10 % lost", { connections: 1000, oracle: "shares", fault: { kind: "excess_loss", share: 0.1 } }],
  [
    "1 % lost beyond the ideal, no oracle, 8 runs of 10,000",
    { connections: 10_000, repeats: 8, oracle: "none", fault: { kind: "excess_loss", share: 0.01 } },
    0.05,
  ],
  ["packet sprayer", { connections: 1000, oracle: "exact", fault: { kind: "sprayer" } }, 0.2],
  ["packet sprayer, no oracle", { connections: 1000, oracle: "none", fault: { kind: "sprayer" } }, 0.2],
  ["modulo instead of Maglev", { connections: 1000, oracle: "exact", fault: { kind: "modulo" } }, 0.2],
  ["ignores one target", { connections: 1000, oracle: "exact", fault: { kind: "ignores_target" } }, 0.2],
  ["ignores one target, no oracle", { connections: 1000, oracle: "none", fault: { kind: "ignores_target" } }, 0.2],
  [
    "3 % of the connections stay on a target that left when opened again",
    { connections: 1000, oracle: "none", fault: { kind: "leak", share: 0.03 } },
    0.2,
  ],
  [
    "table empty for 0.1 % of the packets",
    { connections: 1000, oracle: "exact", fault: { kind: "blank", share: 0.001 } },
    0.2,
  ],
];
const FAULTLESS: [what: string, trial: Trial][] = (["exact", "shares", "none"] as const).map((oracle) => [
  `A against A, oracle ${{ exact: "knows each connection", shares: "knows shares", none: "absent" }[oracle]}`,
  { connections: 1000, oracle, fault: { kind: "none" } },
]);

function main(runs: number): void {
  const line = (what: string, found: number, of: number) => {
    const [low, high] = exact95(found, of).map((share) => (100 * share).toFixed(2));
    process.stdout.write(`| ${what} | ${found} of ${of} | ${low} to ${high} % |\n`);
  };
  process.stdout.write("| balancer | gate fails | 95 % interval |\n|---|--:|--:|\n");
  for (const [what, trial, part = 1] of ROWS) line(what, rate(Math.ceil(runs * part), trial), Math.ceil(runs * part));
  for (const [what, trial] of FAULTLESS) line(what, rate(runs, trial, trial), runs);
}

if (process.argv[1]?.endsWith("power.ts")) main(Number(process.argv[2] ?? 1000));
