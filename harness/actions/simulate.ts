// SPDX-License-Identifier: Apache-2.0
// Cases without a lab: recorded as a lab would have, or only counted where there are very many connections.
import path from "node:path";
import type { Context } from "../cli/command.ts";
import type { SimulateArgs } from "../commands/simulate.ts";
import { meaningOf } from "../events/index.ts";
import { describeHost } from "../host/describe.ts";
import { runOptionsOf } from "../plan/options.ts";
import { MANY } from "../plan/plan-run.ts";
import { casesIn, withFileDefaults } from "../plan/scenario-file.ts";
import type { Verdict } from "../record/schema.ts";
import { printedColumns, tableLines } from "../report/terminal-table.ts";
import { type PlannedCase, planCase, say } from "../run/planned-case.ts";
import { reporterSentence, show } from "../run/show.ts";
import { type Counted, countLives } from "../simulate/count.ts";
import { worldOf } from "../simulate/lives.ts";
import { notSimulated } from "../simulate/obstacles.ts";
import { simulateOne, specOf } from "../simulate/run.ts";
import { withStrategies } from "../simulate/theoretical.ts";
import { planTopology } from "../topology/topology.ts";
import { EXIT, exitCodeOf } from "../util/exit-codes.ts";
import { count } from "../util/numbers.ts";
import { tellScale } from "./scale-word.ts";

/** Between two messages of connections that come and go. */
const THINK_S = 1;

export async function simulateCases(
  args: SimulateArgs,
  { catalog, given, commandLine, print, variables }: Context,
): Promise<number> {
  const isMany = args.connections > MANY && args.arrivals === undefined;
  const rate = args.rate ?? (isMany ? args.connections : undefined);
  // What a lab could carry does not matter.
  const think = args.think ?? (args.arrivals !== undefined && args.rate === undefined ? THINK_S : undefined);
  const { cases, of } = casesIn(withStrategies(catalog), args.case, args.scenario);
  const options = withFileDefaults({ ...runOptionsOf(args), rate, think }, of, given);
  const planned = cases.map((one) => planCase(one, options, args.set));
  tellScale(cases, options, given);
  say("Simulated: the oracle decides, and nothing is measured.");
  const verdicts: Verdict[] = [];
  let unwritten = 0;
  const host = await describeHost(variables);
  for (const one of planned) {
    if (one.load.connections > MANY) {
      verdicts.push(countOne(one, args.json, print));
      continue;
    }
    const settings = { out: path.resolve(args.out), commandLine, reporter: args.reporter };
    const result = await simulateOne(one, settings, host);
    if (args.reporter?.includes("terminal") ?? true) await show(result, { json: args.json, view: false });
    else for (const failure of result.reporterFailures) say(reporterSentence(failure));
    unwritten += result.reporterFailures.length;
    verdicts.push(result.data.summary.verdict);
  }
  return unwritten > 0 ? EXIT.infrastructure : exitCodeOf(verdicts);
}

function countOne(planned: PlannedCase, json: boolean, print: (text: string) => void): Verdict {
  const spec = specOf(planned);
  const reasons = notSimulated(planned, spec);
  const { name } = planned.case;
  if (spec === null || reasons.length > 0) {
    print(`${json ? JSON.stringify({ case: name, reasons }) : `SKIP ${name}: ${reasons.join(" ")}`}\n`);
    return "skip";
  }
  const counted = countLives(worldOf(planned, spec), planned.plan);
  const targets = planTopology({ targets: planned.options.targets, routers: planned.routers }).targets;
  const names = targets.map((target) => target.name);
  print(`${json ? JSON.stringify({ case: name, seed: planned.seed, ...counted }) : text(name, counted, names)}\n`);
  return "pass";
}

function text(
  name: string,
  { connections, events, lost, ideal, maxOverMean }: Counted,
  names: readonly string[],
): string {
  const share = (n: number, of: number) => `${((100 * n) / Math.max(1, of)).toFixed(2)} %`;
  const table = {
    head: ["Event", "At", "Alive", "Lost", "", "Ideal"],
    rows: events.map(({ kind, members, atS, alive, lost: n, ideal: least }) => {
      const [one, many] = meaningOf({ kind }).words.now;
      const who = `${members.map((member) => names[member - 1]).join(" ")} ${members.length === 1 ? one : many}`;
      return [who, `${Number(atS.toFixed(2))} s`, count(alive), count(n), share(n, alive), count(Math.round(least))];
    }),
  };
  const sum = `${name}: ${count(lost)} losses of ${count(connections)} connections at ${events.length} changes (ideal ${count(Math.round(ideal))}); busiest target ${maxOverMean.toFixed(3)} x mean.`;
  return [sum, "", ...tableLines(table, printedColumns())].join("\n");
}
