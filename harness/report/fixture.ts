// SPDX-License-Identifier: Apache-2.0
// Made-up runs that look like real ones, for the tests of this folder. The same arguments give the same numbers.

import { emptySeries } from "../analysis/series.ts";
import { machines, runInfo, summary } from "./fixture-base.ts";
import { IN_S, scaleRun } from "./fixture-scale.ts";
import type { ReportData } from "./reporter.ts";

export { scaleRun } from "./fixture-scale.ts";

/** Connections are opened and closed once: no event, no latency. */
export function connectRun(): ReportData {
  const names = machines(1, 4);
  const shares = [24, 27, 26, 23];
  const run = runInfo("nfqueue", "connect", names, ["test", "nfqueue"]);
  const spread = names.map((target, i) => ({ target, connections: shares[i] ?? 0, expected: 25 }));
  const samples = [0, 0.05, 0.1, 0.15].map((s, i) => ({
    s,
    alive: 0,
    connecting: i === 1 ? 64 : 0,
    perTarget: {},
    sentPerS: 0,
    receivedPerS: 0,
    latencyMs: null,
  }));
  return {
    run,
    series: {
      ...emptySeries(),
      samples,
      lossPerSecond: [{ s: 0, byCause: {}, causes: {}, failedConnects: 0 }],
      spread,
    },
    summary: {
      ...summary(run, 100),
      spread: {
        perTarget: Object.fromEntries(spread.map((s) => [s.target, s.connections])),
        chi2P: 0.94,
        maxOverMean: 1.08,
      },
      latencyMs: { p50: null, p99: null, p999: null, max: null },
    },
  };
}

/** A balancer that assigns at random: far more is lost than predicted, and some of it between the events. */
export function failedRun(): ReportData {
  const data = scaleRun();
  const first = data.summary.events[0];
  const firstSeries = data.series.events[0];
  if (first === undefined || firstSeries === undefined) throw new Error("The scale run has no event.");
  const lost = 9012;
  Object.assign(first, {
    lost,
    mispredicted: 6799,
    excessPercent: 70.1,
    interval95: [89.5, 90.7],
    byCause: { wrong_target: 7012, timeout: 2000 },
    causes: { moved_by_table: 7012, target_gone: 2000 },
  });
  Object.assign(firstSeries, { lost, interval: [8952, 9069] });
  const second = data.series.lossPerSecond[IN_S];
  if (second !== undefined)
    Object.assign(second, {
      byCause: { wrong_target: 7012, timeout: 2000 },
      causes: { moved_by_table: 7012, target_gone: 2000 },
    });
  const after = data.series.lossPerSecond[IN_S + 1];
  if (after !== undefined) Object.assign(after, { byCause: {}, causes: {} });
  const stray = data.series.lossPerSecond[9];
  if (stray !== undefined) Object.assign(stray, { byCause: { stalled: 17 }, causes: { target_slow: 17 } });
  const { connections } = data.summary;
  return {
    ...data,
    summary: {
      ...data.summary,
      verdict: "fail",
      reasons: [
        "At 5 s 9,012 of 10,000 connections were lost, 2,213 were predicted: the fate of 6,799 connections differs from the prediction.",
        "17 connections were lost outside the events.",
      ],
      connections: { ...connections, lost: connections.lost - 2213 + lost + 17, lostOutsideEvents: 17 },
    },
  };
}

/** Nothing came up: the report has no data to show and must say so. */
export function erroredRun(): ReportData {
  const data = connectRun();
  return {
    run: { ...data.run, gitRevision: null },
    series: emptySeries(),
    summary: {
      ...data.summary,
      verdict: "error",
      reasons: ["The router vm-201 did not come up within 5 s."],
      connections: { planned: 100, established: 0, lost: 0, lostOutsideEvents: 0 },
      assigned: { checked: 0, mispredicted: 0 },
      packets: { sent: 0, received: 0, dropped: {}, unaccounted: 0 },
      spread: { perTarget: {}, chi2P: null, maxOverMean: null },
    },
  };
}

/** Text that breaks markup when it is not escaped. */
export function hostileRun(): ReportData {
  const data = scaleRun();
  const evil = `</script><script>document.title="owned"</script><!-- <img src=x onerror=alert(1)> & "'|\u0007]]>`;
  return {
    run: { ...data.run, commandLine: ["./load-balancer.ts", "test", evil], options: { [evil]: evil } },
    series: data.series,
    summary: { ...data.summary, case: `nfqueue${evil}`, verdict: "fail", reasons: [evil] },
  };
}
