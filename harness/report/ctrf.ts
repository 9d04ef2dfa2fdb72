import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Verdict } from "../record/schema.ts";
import { headline } from "./prose.ts";
import type { ReportData, Reporter } from "./reporter.ts";

export const ctrf: Reporter = {
  name: "ctrf",
  async write(data, dir) {
    await writeFile(join(dir, "ctrf.json"), `${JSON.stringify(ctrfReport(data), null, 2)}\n`);
  },
};

type Status = "passed" | "failed" | "skipped" | "pending" | "other";

/** The format knows no error and no lack of data. Both fail; `rawStatus` tells which it was. */
const STATUS: Record<Verdict, Status> = {
  pass: "passed",
  fail: "failed",
  skip: "skipped",
  insufficient: "failed",
  error: "failed",
};

/** The Common Test Report Format (ctrf.io), one test: the case. */
export function ctrfReport({ run, summary }: ReportData) {
  const status = STATUS[summary.verdict];
  const count = (wanted: Status) => (status === wanted ? 1 : 0);
  const start = Date.parse(run.startedAt);
  const duration = Math.round(summary.phasesMs.total);
  const stop = start + duration;
  return {
    reportFormat: "CTRF",
    specVersion: "0.0.0",
    results: {
      tool: { name: "load-balancer" },
      summary: {
        tests: 1,
        passed: count("passed"),
        failed: count("failed"),
        skipped: count("skipped"),
        pending: count("pending"),
        other: count("other"),
        start,
        stop,
      },
      tests: [
        {
          name: summary.case,
          status,
          rawStatus: summary.verdict,
          duration,
          start,
          stop,
          suite: [summary.backend, summary.scenario],
          message: [...summary.reasons, headline(summary)].join("\n"),
          parameters: { ...run.options, ...run.backendOptions },
          extra: {
            connections: summary.connections,
            events: summary.events,
            latencyMs: summary.latencyMs,
            packets: summary.packets,
          },
        },
      ],
      environment: {
        ...(run.gitRevision === null ? {} : { commit: run.gitRevision }),
        osPlatform: "linux",
        osRelease: summary.kernel,
        testEnvironment: run.runtime,
        extra: { runId: run.id, commandLine: run.commandLine, host: run.host, tools: run.tools },
      },
    },
  };
}
