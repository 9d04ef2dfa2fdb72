// SPDX-License-Identifier: Apache-2.0
// Losses that the lab, a target's server or the generator brought: none of them is the balancer's.

import type { Cause, FaultSubject, LabFault, RootCause } from "../../record/schema.ts";
import { count } from "../../util/numbers.ts";
import { at, type CauseRule, type Loss, type RunFacts } from "./define.ts";

/** What stood still for the connection, within the time in which it was lost. */
function silenceOf({ row }: Loss, { silences }: RunFacts) {
  const { stream, connection, lossT, endT } = row;
  return silences.find(
    ({ of, role, fromT, t }) =>
      of === (role === "generator" ? stream.stream : connection.target) &&
      lossT <= t + stream.stallUs * 1000 &&
      endT >= fromT,
  );
}

/** "the server on vm-003 stood still from 0.512 s to 3.100 s". */
function silenceText(loss: Loss, run: RunFacts): string {
  const silence = silenceOf(loss, run);
  if (!silence) return "";
  const who = silence.role === "generator" ? "the traffic generator" : "the server on";
  return `${who} ${silence.of} stood still from ${at(run, silence.fromT)} to ${at(run, silence.t)}`;
}

/** What broke at a place that the connection's packets passed. */
function brokenFor({ row }: Loss, { broken, targets }: RunFacts, what: FaultSubject["what"]): LabFault | undefined {
  const { connection, stream } = row;
  return broken.find(({ about }) => {
    if (about?.what !== what) return false;
    if (what === "generator") return about.where === stream.stream;
    return about.where === connection.target || !targets.includes(about.where);
  });
}

const breaks = (what: FaultSubject["what"], cause: RootCause): CauseRule => ({
  cause,
  holds: (loss, run) => run.broken.length > 0 && brokenFor(loss, run, what) !== undefined,
  because: (loss, run) => clause(brokenFor(loss, run, what)?.text ?? ""),
});

/** A sentence as the end of another one. */
const clause = (sentence: string): string => sentence.replace(/^The /, "the ").replace(/\.$/, "");

/** A balancer may be gone before somebody notices it. */
const NOTICED_NS = 2e9;

const faultBefore = ({ row }: Loss, { faults }: RunFacts) => faults.find(({ t }) => row.endT >= t - NOTICED_NS);

export const LAB: readonly CauseRule[] = [
  {
    cause: "generator",
    holds: (loss, run) => run.silences.length > 0 && silenceOf(loss, run)?.role === "generator",
    because: silenceText,
  },
  {
    cause: "target_frozen",
    holds: (loss, run) => run.silences.length > 0 && silenceOf(loss, run) !== undefined,
    because: silenceText,
  },
  {
    cause: "generator",
    holds: ({ row }, { endedEarly }) => endedEarly.has(row.stream.stream),
    because: ({ row }) => `the traffic generator ${row.stream.stream} ended before its time`,
  },
  {
    cause: "generator",
    holds: ({ row }) => row.connection.cause === "local",
    because: ({ row }) => `the tester's kernel refused an operation of the generator ${row.stream.stream}`,
  },
  breaks("generator", "generator"),
  breaks("server", "target_dead"),
  breaks("link", "link_down"),
  breaks("routes", "no_route"),
  breaks("rules", "rules_missing"),
  {
    cause: "balancer_down",
    holds: (loss, run) => faultBefore(loss, run) !== undefined,
    because: (loss, run) => clause(faultBefore(loss, run)?.text ?? ""),
  },
  {
    cause: "link_loss",
    holds: ({ row, expected }, run) => expected === 0 && SILENT.has(row.connection.cause) && lostByOrder(run) > 0,
    because: (_, run) => `a link dropped ${count(lostByOrder(run))} packets, as was asked for`,
  },
];

const SILENT: ReadonlySet<Cause> = new Set<Cause>(["stalled", "timeout"]);

const lostByOrder = (run: RunFacts): number => run.grown("path", "path.lost") + run.grown("netem", "drop.netem");
