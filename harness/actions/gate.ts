// SPDX-License-Identifier: Apache-2.0
import { writeFileSync } from "node:fs";
import { type LoadedRun, loadRuns } from "../analysis/load.ts";
import type { GateArgs } from "../commands/gate.ts";
import { makeBaseline, readBaseline } from "../gate/baseline.ts";
import { readBench } from "../gate/bench.ts";
import type { Finding, State } from "../gate/finding.ts";
import { judgeGate } from "../gate/gate.ts";
import { type Group, groupRuns, isSimulated } from "../gate/groups.ts";
import { planLoss, planRepeats } from "../gate/plan.ts";
import { gateAnnotations, gateJunit, gateMarkdown, gateText } from "../gate/report.ts";
import { readThresholds } from "../gate/thresholds.ts";
import { runsIn } from "../record/folders.ts";
import { LabError } from "../runtime/runtime.ts";
import { runKey } from "../set/manifest.ts";
import { systemReason, UsageError } from "../util/errors.ts";
import { EXIT } from "../util/exit-codes.ts";
import { count, plural } from "../util/numbers.ts";

/** Judges runs against thresholds and a baseline. Returns the exit code; runs without data are never a pass. */
export function judgeRuns(
  options: Pick<GateArgs, "run" | "thresholds" | "baseline" | "updateBaseline" | "bench" | "verbose" | "json"> &
    Partial<Pick<GateArgs, "junit" | "markdown" | "annotations">>,
): number {
  if (options.run.length === 0) throw new UsageError("Name the runs to judge or their folder, or use --plan.");
  const limits = readThresholds(options.thresholds ?? null);
  const bench = options.bench === undefined ? null : readBench(options.bench);
  const dirs = options.run.flatMap(runsIn);
  const { runs, damaged } = loadRuns(dirs);
  const judged = lastAttempts(runs);
  const groups = groupRuns(judged);
  if (options.updateBaseline) return updateBaseline(groups, damaged, options.baseline);
  const baseline = options.baseline === undefined ? null : readBaseline(options.baseline);
  const findings = [
    ...judgeGate(groups, limits, baseline, bench),
    ...damaged.map((text): Finding => ({ case: "", check: "record", state: "no_data", text })),
  ];
  const code = exitCode(findings);
  const judgement = { findings, runs: judged.length, code };
  if (options.json)
    process.stdout.write(`${JSON.stringify({ passed: code === EXIT.passed, runs: judged.length, findings })}\n`);
  else process.stdout.write(gateText(judgement, options.verbose));
  if (options.annotations) (options.json ? process.stderr : process.stdout).write(gateAnnotations(judgement));
  if (options.junit !== undefined) write(options.junit, gateJunit(judgement));
  if (options.markdown !== undefined) write(options.markdown, gateMarkdown(judgement));
  return code;
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (cause) {
    throw new LabError(`Cannot write '${file}': ${systemReason(cause)}.`, { cause });
  }
}

function updateBaseline(groups: readonly Group[], damaged: readonly string[], file: string | undefined): number {
  if (file === undefined) throw new UsageError("--update-baseline needs --baseline.");
  const [damage] = damaged;
  if (damage !== undefined) throw new UsageError(`A damaged run cannot form a baseline. ${damage}`);
  const simulated = groups.find(isSimulated);
  if (simulated) throw new UsageError(`A simulated run cannot form a baseline: ${simulated.case}. Use a run of a lab.`);
  const made = makeBaseline(groups);
  try {
    writeFileSync(file, `${JSON.stringify(made, null, 2)}\n`);
  } catch (cause) {
    throw new UsageError(`Cannot write '${file}': ${systemReason(cause)}.`, { cause });
  }
  process.stdout.write(`Baseline of ${plural(made.entries.length, "case")} written to ${file}\n`);
  return EXIT.passed;
}

function exitCode(findings: readonly Finding[]): number {
  const has = (state: State) => findings.some((finding) => finding.state === state);
  if (has("failed")) return EXIT.failed;
  if (has("error")) return EXIT.infrastructure;
  return has("no_data") ? EXIT.insufficient : EXIT.passed;
}

/** A run that was tried again is judged by its last attempt, and one that broke, or was killed, and then was run anew, by that. */
function lastAttempts(runs: readonly LoadedRun[]): LoadedRun[] {
  const keyed = runs.map((one) => ({
    one,
    key: runKey(one.run),
    attempt: one.run.attempt ?? 1,
    broke: one.cut || one.summary.verdict === "error",
  }));
  const tried = new Set(keyed.map(({ key, attempt }) => `${attempt} ${key}`));
  const ended = new Set(keyed.filter(({ broke }) => !broke).map(({ key }) => key));
  return keyed
    .filter(({ key, attempt }) => !tried.has(`${attempt + 1} ${key}`))
    .filter(({ broke, key }) => !broke || !ended.has(key))
    .map(({ one }) => one);
}

/** How many connections, or repeats, show an effect of so many percent. */
export function planGate({ run, effect, base, alpha, power, connections, cv, json }: GateArgs): number {
  const [first] = run;
  if (first !== undefined)
    throw new UsageError(`--plan computes a sample size, and judges no runs: leave '${first}' or --plan out.`);
  const question = { effect, base, alpha, power, connections, cv };
  const loss = planLoss({ ...question, effectPercent: question.effect, basePercent: question.base });
  const repeats = planRepeats(question.effect, question.cv, question.alpha, question.power);
  if (json)
    process.stdout.write(`${JSON.stringify({ ...question, loss, performance: { repeatsPerSide: repeats } })}\n`);
  else
    process.stdout.write(
      [
        `A loss of ${question.effect} % above an expected ${question.base} % is found in ${(loss.power * 100).toFixed(1)} % of gates, with false alarms in ${question.alpha * 100} %,`,
        `by ${count(loss.connections)} connections: ${plural(loss.repeats, "repeat")} of ${count(question.connections)}. The exact binomial test alarms from ${plural(loss.alarmFrom, "loss", "losses")} on.`,
        `A ratio of ${(1 + question.effect / 100).toFixed(2)} in a time or a rate that scatters by ${question.cv} % takes ${plural(repeats, "repeat")} on each side.`,
        "",
      ].join("\n"),
    );
  return EXIT.passed;
}
