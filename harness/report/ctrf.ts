// SPDX-License-Identifier: Apache-2.0
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RunInfo, Summary, Verdict } from "../record/schema.ts";
import { lastOf, type RunSet } from "../set/set.ts";
import { headline } from "./prose.ts";
import type { ReportData, Reporter } from "./reporter.ts";

export const ctrf: Reporter = {
  name: "ctrf",
  async write(data, dir) {
    await writeFile(join(dir, "ctrf.json"), `${JSON.stringify(ctrfReport(data), null, 2)}\n`);
  },
};

type Status = "passed" | "failed" | "skipped" | "pending" | "other";

/** The format knows no error, no lack of data and no losses that nobody judged. The first two fail; `rawStatus` tells which it was. */
const STATUS: Record<Verdict, Status> = {
  pass: "passed",
  unjudged: "other",
  fail: "failed",
  skip: "skipped",
  insufficient: "failed",
  error: "failed",
};

/** The Common Test Report Format (ctrf.io), one test: the case. */
export function ctrfReport({ run, summary }: Pick<ReportData, "run" | "summary">) {
  return document([testOf({ run, summary }, [])], run, summary.kernel);
}

/** A test for each run. A flaky one passed in the end; what is missing is a failed test of its own. */
export function ctrfSet({ entries, missing }: RunSet) {
  const tests = entries.map(({ attempts, state }) =>
    testOf(lastOf({ attempts }), state === "flaky" ? attempts.slice(0, -1).map(({ summary }) => summary) : []),
  );
  const at = tests.at(-1)?.stop ?? 0;
  const lost = missing.map((message, i) => ({
    name: `missing ${i + 1}`,
    status: "failed" as const,
    rawStatus: "missing",
    duration: 0,
    start: at,
    stop: at,
    message,
  }));
  const [first] = entries;
  const run = first && lastOf(first);
  return document([...tests, ...lost], run?.run ?? null, run?.summary.kernel ?? "");
}

function document<T extends { status: Status; start: number; stop: number }>(
  tests: T[],
  run: RunInfo | null,
  kernel: string,
) {
  const count = (wanted: Status) => tests.filter(({ status }) => status === wanted).length;
  return {
    reportFormat: "CTRF",
    specVersion: "0.0.0",
    results: {
      tool: { name: "load-balancer" },
      summary: {
        tests: tests.length,
        passed: count("passed"),
        failed: count("failed"),
        skipped: count("skipped"),
        pending: count("pending"),
        other: count("other"),
        start: Math.min(...tests.map(({ start }) => start)),
        stop: Math.max(...tests.map(({ stop }) => stop)),
      },
      tests,
      environment: {
        ...(run === null || run.gitRevision === null ? {} : { commit: run.gitRevision }),
        osPlatform: "linux",
        osRelease: kernel,
        ...(run === null
          ? {}
          : {
              testEnvironment: run.runtime,
              extra: { runId: run.id, commandLine: run.commandLine, host: run.host, tools: run.tools },
            }),
      },
    },
  };
}

function testOf({ run, summary }: Pick<ReportData, "run" | "summary">, flaky: readonly Summary[]) {
  const start = Date.parse(run.startedAt);
  const duration = Math.round(summary.phasesMs.total);
  return {
    name: summary.case,
    status: STATUS[summary.verdict],
    rawStatus: summary.verdict,
    duration,
    start,
    stop: start + duration,
    suite: [summary.backend, summary.scenario],
    message: [...summary.reasons, headline(summary)].filter((text) => text !== "").join("\n"),
    ...(flaky.length > 0
      ? { flaky: true, retries: flaky.length, trace: flaky.flatMap(({ reasons }) => reasons).join("\n") }
      : {}),
    parameters: { ...run.options, ...run.backendOptions },
    extra: {
      connections: summary.connections,
      events: summary.events,
      latencyMs: summary.latencyMs,
      packets: summary.packets,
    },
  };
}
