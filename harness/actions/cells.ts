// SPDX-License-Identifier: Apache-2.0
// The runs that a conformance matrix is made of. What a folder has of them already is left out, so whatever
// ends this program, it goes on where it was.
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { sameText } from "../gate/groups.ts";
import { describeHost } from "../host/describe.ts";
import { buildDir } from "../host/locate.ts";
import type { Case } from "../plan/catalog.ts";
import type { RunOptions } from "../plan/options.ts";
import type { RunInfo, Verdict } from "../record/schema.ts";
import { type DescribedHost, describeRun } from "../run/describe-run.ts";
import { Jobs } from "../run/jobs.ts";
import { type PlannedCase, planCase, runOne, say } from "../run/planned-case.ts";
import { type Chosen, Sessions } from "../run/runtimes.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { lockSet } from "../set/lock.ts";
import { finishedRuns } from "../set/manifest.ts";
import { EXIT, exitCodeOf } from "../util/exit-codes.ts";

export interface Cell {
  case: Case;
  runtime: Runtime;
  options: RunOptions;
  /** Words of --set. */
  set: readonly string[];
  /** What makes it by hand. */
  commandLine: readonly string[];
}

const ATTEMPTS = 3;

interface CellOptions {
  folder: string;
  jobs: number;
  /** What other programs than those of now have made counts too. */
  keep: boolean;
  signal: AbortSignal;
}

/** Makes those that are missing. Returns the exit code of all that there are now. */
export async function makeCells(cells: readonly Cell[], options: CellOptions): Promise<number> {
  const { folder, signal } = options;
  const jobs = new Jobs(options.jobs, say);
  await using sessions = new Sessions(signal, say, jobs.alone);
  const host = await describeHost();
  using _lock = lockSet(folder);
  const verdicts: Verdict[] = [];
  const { found } = finishedRuns(folder);
  const left: Due[] = [];
  for (const cell of cells) {
    const chosen = await sessions.of(cell.runtime, 1);
    const plan = planCase(cell.case, cell.options, cell.set, chosen.session?.prepared.capacity);
    const known = done(found, describeRun(plan, chosen, [], host), options.keep);
    if (known) verdicts.push(known.summary.verdict);
    else left.push({ chosen, plan, commandLine: cell.commandLine });
  }
  say(`${cells.length} cells, ${left.length} of them to be made.`);
  await jobs.each(left, async (due, i) => ({
    chosen: due.chosen,
    run: async () => {
      verdicts.push(await make(due, { ...options, turn: `${i + 1}/${left.length}`, host }));
      return !signal.aborted;
    },
  }));
  return signal.aborted ? EXIT.interrupted : exitCodeOf(verdicts);
}

interface Due {
  chosen: Chosen;
  plan: PlannedCase;
  commandLine: readonly string[];
}

/** A machine that kept the generator from its work is no judge: what keeps its time is made again, where that may help. */
async function make(
  { chosen, plan, commandLine }: Due,
  { folder, turn, host, signal }: CellOptions & { turn: string; host: DescribedHost },
): Promise<Verdict> {
  const settings = { out: folder, commandLine, stop: true, reporter: [], turn };
  for (let attempt = 1; ; attempt++) {
    const { summary } = (await runOne(plan, chosen, settings, { host, signal, attempt })).data;
    const why = summary.verdict === "pass" ? "" : `: ${summary.reasons[0]}`;
    say(`[${turn}] ${commandLine.slice(1).join(" ")}: ${summary.verdict}${why}`);
    if (summary.verdict !== "insufficient" || attempt === ATTEMPTS || signal.aborted) return summary.verdict;
  }
}

/** The last run of this kind that came to a result, with the programs of now. */
function done(found: ReturnType<typeof finishedRuns>["found"], wanted: Parameters<typeof kindOf>[0], keep: boolean) {
  return found.findLast(
    ({ run, summary }) =>
      ["pass", "unjudged", "skip"].includes(summary.verdict) &&
      kindOf(run) === kindOf(wanted) &&
      (keep || isOfNow(run)),
  );
}

function kindOf(run: Pick<RunInfo, "case" | "seed" | "runtime" | "time" | "kernel" | "options" | "backendOptions">) {
  const { case: name, seed, runtime, time = "real", kernel, options, backendOptions } = run;
  return sameText([name, seed, runtime, time, kernel, options, backendOptions]);
}

/** Our own programs are known by their hash. */
function isOfNow({ tools }: RunInfo): boolean {
  return Object.entries(tools).every(([name, version]) => {
    const [, hash] = /sha256 ([0-9a-f]+)/.exec(version) ?? [];
    const file = path.join(buildDir, name);
    return hash === undefined || (existsSync(file) && hashOf(file).startsWith(hash));
  });
}

const hashes = new Map<string, string>();

function hashOf(file: string): string {
  const hash = hashes.get(file) ?? createHash("sha256").update(readFileSync(file)).digest("hex");
  hashes.set(file, hash);
  return hash;
}
