// SPDX-License-Identifier: Apache-2.0
// Runs from their folders, every number derived again from what was recorded.
import { UnknownStrategy } from "../oracle/oracle.ts";
import { Damaged, readAll } from "../record/damage.ts";
import { readRecord, type WholeRecord } from "../record/read.ts";
import type { RunInfo } from "../record/schema.ts";
import { UsageError } from "../util/errors.ts";
import { type Analysis, analyse } from "./analyse.ts";

export interface LoadedRun extends Analysis {
  dir: string;
  run: RunInfo;
  /** The record ends before its end: the verdict says so. */
  cut: boolean;
}

/** Runs whose records can be relied on; the others have no data, each with a sentence. */
export function loadRuns(dirs: readonly string[]): { runs: LoadedRun[]; damaged: string[] } {
  const { found, damaged } = readAll(dirs, loadRun);
  return { runs: found, damaged: damaged.map(({ message }) => message) };
}

/** A record that was cut is shown as far as it goes, as insufficient data. Throws Damaged. */
function loadRun(dir: string): LoadedRun {
  const { record: _, ...loaded } = loadWithRecord(dir);
  return loaded;
}

/** The same with what it was derived from, for those who go through single rows. Throws Damaged. */
export function loadWithRecord(dir: string): LoadedRun & { record: WholeRecord } {
  const record = readRecord(dir);
  const analysis = analyseRecord(dir, record);
  const { summary } = analysis;
  const cut = record.cut !== null && !record.events.some(({ kind }) => kind === "error");
  if (cut) Object.assign(summary, { verdict: "insufficient", reasons: [record.cut], deterministicFailures: [] });
  return { dir, run: record.run, cut, record, ...analysis };
}

/** Of a record that is not as it was written, events may contradict each other in any way. */
function analyseRecord(dir: string, record: WholeRecord): Analysis {
  try {
    return analyse(record.run, record);
  } catch (error) {
    if (error instanceof UnknownStrategy) throw new UsageError(needsBackend(dir, error.strategy, record.run));
    if (record.verified) throw error;
    throw new Damaged(dir, null, `its events contradict each other (${(error as Error).message})`);
  }
}

function needsBackend(dir: string, strategy: string, { commandLine }: RunInfo): string {
  const file = commandLine[commandLine.indexOf("--backend") + 1];
  const told = commandLine.includes("--backend") && file !== undefined ? ` (the run had '--backend ${file}')` : "";
  return `Cannot judge '${dir}' again: its strategy '${strategy}' is defined in a backend's file. Add --backend with that file${told}. Until then its summary stays unchanged.`;
}
