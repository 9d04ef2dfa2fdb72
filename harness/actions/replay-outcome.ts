// SPDX-License-Identifier: Apache-2.0
// What a run says about the recorded one that it repeats: the same to the bit, or where it differs, or of verdicts alone.
import { differentValue, firstDifference, type Same } from "../record/difference.ts";
import type { RunInfo, Summary } from "../record/schema.ts";
import type { RunResult } from "../run/run.ts";
import { count, plural } from "../util/numbers.ts";

/** A record that can be run again. */
export interface Recorded {
  dir: string;
  run: RunInfo & Required<Pick<RunInfo, "asked">>;
  summary: Summary;
}

export interface Outcome {
  text: string;
  isSame: boolean;
  /** It has no result. */
  broke: boolean;
}

export function compareRuns(recorded: Recorded, { dir, data: { run, summary } }: RunResult): Outcome {
  const broke = summary.verdict === "error" && recorded.summary.verdict !== "error";
  if (summary.verdict === "skip" || broke)
    return { text: `It could not be run again: ${summary.reasons.join(" ")}`, isSame: false, broke: true };
  const why = notToTheBit(recorded.run, run);
  if (why !== null) {
    const difference = differentVerdict(recorded.summary, summary);
    return {
      text: `${why} So verdicts are compared: ${difference ?? `the same (${summary.verdict})`}.`,
      isSame: difference === null,
      broke: false,
    };
  }
  const found = firstDifference(recorded.dir, dir);
  if ("same" in found)
    return { text: `The same, bit for bit: ${sameText(found.same)} (${summary.verdict}).`, isSame: true, broke: false };
  const other =
    recorded.run.gitRevision === run.gitRevision
      ? ""
      : ` This program is another: ${recorded.run.gitRevision} before, ${run.gitRevision} now.`;
  return { text: `Not the same: ${found.difference}.${other}`, isSame: false, broke: false };
}

const sameText = ({ rows, events, messages }: Same) =>
  `${plural(rows, "row")}, ${plural(events, "event")}, ${count(messages)} lines of dmesg`;

/** Why the two need not be the same to the bit, as a sentence; null: they must be. */
function notToTheBit(before: RunInfo, now: RunInfo): string | null {
  if (before.time !== "virtual" || now.time !== "virtual")
    return `A run of the ${before.runtime} runtime in real time lives in this machine's time, which no run repeats.`;
  const is = grounds(now);
  for (const [what, was] of Object.entries(grounds(before))) {
    const difference = differentValue(was, is[what]);
    if (difference !== null) return `The ${what} is another${difference.replace(/^, /, ": ")}.`;
  }
  return null;
}

/** All that a run in virtual time depends on, as JSON holds it. */
function grounds({ guest, kernel, options, backendOptions }: RunInfo): Record<string, unknown> {
  const { qemu, argv, kernelHash, imageHash } = guest ?? {};
  const all = {
    QEMU: qemu,
    kernel,
    "kernel's file": kernelHash,
    "image (tools, modules, our programs)": imageHash,
    "argv of QEMU": argv,
    "set of options": { ...options, ...backendOptions },
  };
  return JSON.parse(JSON.stringify(all)) as typeof all;
}

/** "pass before, fail now", or an event's losses; null: the same. */
function differentVerdict(before: Summary, now: Summary): string | null {
  if (before.verdict !== now.verdict) return `${before.verdict} before, ${now.verdict} now`;
  const lost = ({ events }: Summary) => events.map((event) => event.lost);
  const isExact = before.events.every(({ predictedInterval }) => predictedInterval === null);
  const difference = isExact ? differentValue(lost(before), lost(now)) : null;
  return difference === null ? null : `losses by event${difference}`;
}
