// SPDX-License-Identifier: Apache-2.0
// A run's result on the terminal, or as JSON.

import path from "node:path";
import { openInBrowser } from "../host/describe.ts";
import type { ReporterFailure } from "../report/reporter.ts";
import { renderTerminal } from "../report/terminal.ts";
import { systemReason } from "../util/errors.ts";
import type { RunResult } from "./run.ts";

export async function show(
  { dir, data, reporterFailures }: RunResult,
  options: { json: boolean; view: boolean; verbose?: boolean },
): Promise<void> {
  if (options.json) process.stdout.write(`${JSON.stringify(data.summary)}\n`);
  else {
    const color = process.stdout.isTTY === true && !process.env.NO_COLOR;
    process.stdout.write(
      `${renderTerminal(data, { color, columns: Math.min(120, process.stdout.columns || 80), verbose: options.verbose ?? false })}\n`,
    );
  }
  for (const failure of reporterFailures) process.stderr.write(`${reporterSentence(failure)}\n`);
  const report = path.join(dir, "report.html");
  if (options.view && data.summary.verdict !== "skip") {
    const opened = await openInBrowser(report);
    if (!options.json) process.stdout.write(opened ? `Opened ${report}\n` : `Report: ${report}\n`);
  } else if (!options.json) process.stdout.write(`Run: ${dir}\n`);
}

export function reporterSentence({ reporter, error }: ReporterFailure): string {
  return `Cannot write the ${reporter} report: ${systemReason(error)}`;
}
