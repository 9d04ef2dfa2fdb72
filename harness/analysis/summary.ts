// SPDX-License-Identifier: Apache-2.0
import { type RunInfo, SCHEMA, type Summary } from "../record/schema.ts";
import type { Judged } from "./part.ts";

/** What is known of a run before anything was seen of it. */
export function emptySummary(run: RunInfo): Judged {
  return {
    schema: SCHEMA,
    case: run.case,
    backend: run.backend,
    scenario: run.scenario,
    runtime: run.runtime,
    kernel: run.kernel ?? run.host.kernel,
    family: run.family,
    protocol: run.protocol,
    seed: run.seed,
    targets: run.targets.length,
    routers: run.routers.length,
    lossesJudged: true,
    clock: run.time ?? "real",
    connections: { planned: 0, established: 0, lost: 0, lostOutsideEvents: 0 },
    assigned: { checked: 0, mispredicted: 0 },
    events: [],
    spread: { perTarget: {}, chi2P: null, maxOverMean: null },
    latencyMs: { p50: null, p99: null, p999: null, max: null },
    packets: { sent: 0, received: 0, dropped: {}, unaccounted: 0 },
    generator: { sends: 0, lateSends: 0, cpuShare: 0 },
    machine: { busyCpus: null, windows: 0, disturbed: [], slowdown: null, note: null },
    phasesMs: { up: 0, deploy: 0, traffic: 0, down: 0, report: 0, total: 0 },
  };
}

export function skippedSummary(run: RunInfo, reasons: string[]): Summary {
  return { ...emptySummary(run), verdict: "skip", reasons, deterministicFailures: [] };
}
