// SPDX-License-Identifier: Apache-2.0
// The conductor: reads top to bottom as the data flow.
import { analyse } from "../analysis/analyse.ts";
import { type Backend, type Balancer, Unsupported } from "../api/backend.ts";
import type { Plan } from "../api/scenario.ts";
import type { Flow } from "../oracle/hash.ts";
import type { Finders } from "../plan/announce.ts";
import { readRecord } from "../record/read.ts";
import { RecordWriter } from "../record/record.ts";
import type { Event, EventOf, Phase, RunInfo, Sample, Summary } from "../record/schema.ts";
import type { ReportData, Reporter, ReporterFailure } from "../report/reporter.ts";
import { writeAll } from "../report/reporter.ts";
import { type Lab, LabError, type Session } from "../runtime/runtime.ts";
import type { Load } from "../traffic/streams.ts";
import { Uncaught } from "../util/abortable.ts";
import type { Impairment } from "./impairment.ts";
import { runInLab } from "./in-lab.ts";
import { quietly } from "./quietly.ts";
import type { TapPlan } from "./tapping.ts";

export interface RunRequest extends Finders {
  dir: string;
  info: RunInfo;
  backend: Backend;
  backendOptions: Record<string, unknown>;
  session: Session;
  plan: Plan;
  load: Load;
  impairment: Impairment | null;
  tap: TapPlan;
  reporters: readonly Reporter[];
  signal: AbortSignal;
  /** Whose way through the routers' rules is traced. */
  trace?: Flow;
  /** A debugger may come to the guest, which waits for it. */
  gdb?: boolean;
  progress?: Progress;
  /** Keeps the lab up after the traffic until it resolves. */
  hold?: (lab: Lab, balancer: Balancer) => Promise<void>;
}

/** For whoever watches: all optional, none can break a run. */
export interface Progress {
  phase?(phase: Phase, edge: "begin" | "end"): void;
  sample?(sample: Sample): void;
  note?(text: string): void;
  event?(event: Event): void;
}

export interface RunResult {
  dir: string;
  data: ReportData;
  reporterFailures: ReporterFailure[];
}

/** Runs one case to its report. Throws LabError only when not even a record could be written. */
export async function runCase(request: RunRequest): Promise<RunResult> {
  const record = new RecordWriter(request.dir, (event) => {
    if (event.kind === "sample") request.progress?.sample?.(event);
    if (event.kind === "phase") request.progress?.phase?.(event.phase, event.edge);
    request.progress?.event?.(event);
  });
  record.file("run.json", `${JSON.stringify(request.info, null, 2)}\n`);
  let first: EventOf<"error"> | null = null;
  try {
    await runInLab(request, record);
  } catch (error) {
    if (error instanceof Unsupported) record.add({ kind: "skip", t: record.clock.now(), reasons: error.reasons });
    const { aborted, reason } = request.signal;
    const why = reason instanceof Uncaught ? reason.message : "The run was interrupted.";
    const text = aborted ? why : (error as Error).message;
    const about = !aborted && error instanceof LabError && error.about ? { about: error.about } : {};
    const event = { kind: "error", t: record.clock.now(), text, ...about } as const;
    first = event;
    // On a full disk neither can be written; what went wrong first is told all the same.
    quietly(() => record.add(event));
    quietly(() => record.file("logs/error.txt", `${(error as Error).stack}\n`));
  }
  try {
    return await report(request, record, first);
  } catch (error) {
    if (!first || !(error instanceof LabError)) throw error;
    throw new LabError(`${error.message} Before that: ${first.text}`, { cause: error });
  }
}

/** Analysis and reports. What was recorded is kept and shown whatever happened before. */
export async function report(
  request: Pick<RunRequest, "dir" | "info" | "reporters" | "progress">,
  record: RecordWriter,
  first: EventOf<"error"> | null = null,
): Promise<RunResult> {
  const begin = performance.now();
  const write = (summary: Summary) => record.file("summary.json", `${JSON.stringify(summary, null, 2)}\n`);
  request.progress?.note?.("analysing and drawing");
  if (request.info.time === "virtual") {
    request.info.rowsHash = record.rowsHash();
    record.file("run.json", `${JSON.stringify(request.info, null, 2)}\n`);
  }
  record.end();
  const recorded = readRecord(request.dir);
  if (first && !recorded.events.some((event) => event.kind === "error")) recorded.events.push(first);
  const analysis = analyse(request.info, recorded);
  write(analysis.summary);
  const data = { run: request.info, ...analysis };
  const reporterFailures = await writeAll(data, request.dir, request.reporters);
  record.close();
  const phasesMs = analysis.summary.phasesMs;
  const reportMs = performance.now() - begin;
  analysis.summary.phasesMs = { ...phasesMs, report: reportMs, total: phasesMs.total + reportMs };
  write(analysis.summary);
  return { dir: request.dir, data, reporterFailures };
}
