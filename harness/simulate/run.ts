// SPDX-License-Identifier: Apache-2.0
// A planned case without a lab: the same record, analysis and reports.
import type { OracleSpec } from "../oracle/oracle.ts";
import { checkedSpec } from "../oracle/oracle.ts";
import { withFlows } from "../plan/flow-lists.ts";
import { RecordWriter } from "../record/record.ts";
import { SIMULATED } from "../record/run-info.ts";
import type { RunInfo } from "../record/schema.ts";
import { type DescribedHost, describeRun } from "../run/describe-run.ts";
import { fileReporters, makeRunDir, type PlannedCase, type RunSettings, skip } from "../run/planned-case.ts";
import { type RunResult, report } from "../run/run.ts";
import { notSimulated } from "./obstacles.ts";
import { recordRun } from "./record.ts";

/** Stands in the record where a lab's runtime does. */
const RUNTIME = { name: SIMULATED, given: {} };

export function specOf({ case: { backend }, backendOptions, options, load, plan }: PlannedCase): OracleSpec | null {
  return checkedSpec(withFlows(backend.oracle(backendOptions, options.targets, load.protocol), plan), backend.name);
}

export async function simulateOne(
  planned: PlannedCase,
  { out, commandLine, reporter }: Pick<RunSettings, "out" | "commandLine" | "reporter">,
  host: DescribedHost,
): Promise<RunResult> {
  const spec = specOf(planned);
  const { dir, id, startedAt } = makeRunDir(out, planned.case.name, planned.seed);
  const info: RunInfo = {
    ...describeRun(planned, { runtime: RUNTIME, session: null }, commandLine, host),
    id,
    startedAt,
  };
  const reasons = notSimulated(planned, spec);
  if (spec === null || reasons.length > 0) return skip(dir, info, reasons);
  const record = new RecordWriter(dir);
  record.file("run.json", `${JSON.stringify(info, null, 2)}\n`);
  recordRun(planned, spec, record);
  return report({ dir, info, reporters: fileReporters(reporter) }, record);
}
