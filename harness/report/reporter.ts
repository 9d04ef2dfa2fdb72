// SPDX-License-Identifier: Apache-2.0
import type { Series } from "../analysis/series.ts";
import type { RunInfo, Summary } from "../record/schema.ts";
import { makeDirs } from "../util/make-dirs.ts";

/** Everything a report is made of. The same data gives the same bytes: no reporter reads a clock or the machine. */
export interface ReportData {
  run: RunInfo;
  summary: Summary;
  series: Series;
}

export interface Reporter {
  name: string;
  /** Writes its files into `dir`, which exists. */
  write(data: ReportData, dir: string): Promise<void>;
}

export interface ReporterFailure {
  reporter: string;
  error: unknown;
}

/** Runs the reporters one after the other. One that throws is reported and does not keep the others from writing. */
export async function writeAll(
  data: ReportData,
  dir: string,
  reporters: readonly Reporter[],
): Promise<ReporterFailure[]> {
  makeDirs(dir);
  const failures: ReporterFailure[] = [];
  for (const reporter of reporters) {
    try {
      await reporter.write(data, dir);
    } catch (error) {
      failures.push({ reporter: reporter.name, error });
    }
  }
  return failures;
}
