// SPDX-License-Identifier: Apache-2.0
// Weeks of results: what is there, the newest, how it went, and what may go.
import { existsSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { openInBrowser } from "../host/describe.ts";
import type { Table } from "../report/table.ts";
import { printedColumns, tableLines } from "../report/terminal-table.ts";
import { LabError } from "../runtime/runtime.ts";
import { linkLatest, runsBelow } from "../set/history.ts";
import { type Attempt, entryOf } from "../set/set.ts";
import { lossText, STATE_WORDS } from "../set/text.ts";
import { systemReason, UsageError } from "../util/errors.ts";
import { EXIT } from "../util/exit-codes.ts";
import { plural } from "../util/numbers.ts";

interface ResultsOptions {
  action: "ls" | "open" | "index" | "rm";
  folder: string;
  keep?: number | undefined;
  json: boolean;
}

type Action = (runs: readonly Attempt[], options: ResultsOptions) => Promise<void> | void;

/** Returns the exit code: what is damaged is told, and is no data. Throws UsageError where there is no run. */
export async function manageResults(options: ResultsOptions): Promise<number> {
  const { action, folder, keep } = options;
  if (action === "rm" && keep === undefined) throw new UsageError("'results rm' needs --keep: how many runs stay.");
  if (action !== "rm" && keep !== undefined) throw new UsageError(`--keep is for 'results rm', not for '${action}'.`);
  const { runs, damaged } = runsBelow(folder);
  for (const { message } of damaged) process.stderr.write(`${message}\n`);
  if (runs.length > 0) await ACTIONS[action](runs, options);
  return damaged.length > 0 ? EXIT.insufficient : EXIT.passed;
}

const ACTIONS: Readonly<Record<ResultsOptions["action"], Action>> = { ls: list, open: openNewest, index, rm: remove };

function list(runs: readonly Attempt[], { json }: ResultsOptions): void {
  if (json) {
    process.stdout.write(
      `${JSON.stringify(runs.map(({ dir, summary, run }) => ({ dir, startedAt: run.startedAt, gitRevision: run.gitRevision, summary })))}\n`,
    );
    return;
  }
  const rows = [...runs]
    .reverse()
    .map((one) => [
      one.run.startedAt.slice(0, 16).replace("T", " "),
      STATE_WORDS[one.summary.verdict],
      one.summary.case,
      String(one.summary.seed),
      lossText(entryOf([one])),
      one.dir,
    ]);
  const table = { head: ["Date (UTC)", "Verdict", "Case", "Seed", "Lost at events", "Folder"], rows };
  process.stdout.write(`${tableLines(fitted(table, printedColumns()), printedColumns()).join("\n")}\n`);
}

/** On a narrow terminal without what the folder's name says too. */
export function fitted({ head, rows }: Table, width: number): Table {
  const lengths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i]?.length ?? 0)));
  if (lengths.reduce((sum, n) => sum + n + 2, -2) <= width) return { head, rows };
  const without = (row: readonly string[]) => [1, 4, 5].map((i) => row[i] ?? "");
  return { head: without(head), rows: rows.map(without) };
}

async function openNewest(runs: readonly Attempt[], { folder, json }: ResultsOptions): Promise<void> {
  const newest = runs.findLast(({ summary }) => summary.verdict !== "skip");
  if (!newest) throw new UsageError(`All runs below '${folder}' were skipped: there is no report.`);
  const file = path.resolve(folder, newest.dir, "report.html");
  const opened = !json && (await openInBrowser(file));
  process.stdout.write(
    json ? `${JSON.stringify({ report: file })}\n` : `${file}${opened ? "" : " (no display to open it on)"}\n`,
  );
}

/** history.html, and the link `latest` to the newest run. */
async function index(runs: readonly Attempt[], { folder, json }: ResultsOptions): Promise<void> {
  const { historyPage } = await import("../set/trend.ts");
  const file = path.join(folder, "history.html");
  const page = await historyPage(runs);
  let latest: string;
  try {
    writeFileSync(file, page);
    latest = linkLatest(folder, runs.at(-1)?.dir ?? ".");
  } catch (cause) {
    throw new LabError(`Cannot write to '${folder}': ${systemReason(cause)}.`, { cause });
  }
  process.stdout.write(
    json ? `${JSON.stringify({ history: file, latest })}\n` : `${file}: ${plural(runs.length, "run")}\n`,
  );
}

/** Runs only: nothing else that lies in the folder. */
function remove(runs: readonly Attempt[], { folder, keep = runs.length, json }: ResultsOptions): void {
  const old = runs.slice(0, Math.max(0, runs.length - keep)).map(({ dir }) => path.join(folder, dir));
  for (const dir of old) {
    try {
      rmSync(dir, { recursive: true });
    } catch (cause) {
      throw new LabError(`Cannot remove '${dir}': ${systemReason(cause)}.`, { cause });
    }
    if (!json) process.stdout.write(`removed ${dir}\n`);
  }
  const latest = path.join(folder, "latest");
  if (!existsSync(latest)) rmSync(latest, { force: true });
  const kept = runs.length - old.length;
  process.stdout.write(
    json ? `${JSON.stringify({ removed: old, kept })}\n` : `${plural(old.length, "run")} removed, ${kept} kept.\n`,
  );
}
