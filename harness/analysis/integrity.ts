// SPDX-License-Identifier: Apache-2.0
// Whether messages came back as they were sent: their content, once, in order, and in time.
import type { Integrity, Troubles } from "../record/base.ts";
import type { Event, RunInfo, Summary } from "../record/schema.ts";
import { EVIL_NAME } from "../topology/topology.ts";
import { count, plural } from "../util/numbers.ts";
import { calmOf } from "./calm.ts";
import type { AnalysisModule } from "./part.ts";
import type { Timeline } from "./timeline.ts";
import { whence } from "./whence.ts";

type Summed = NonNullable<Summary["integrity"]>;
type Judged = Summed["judged"];

/** A healthy lab has none; what happens once in a while may be a moment in which the machine did something else. */
export const LATE_PERCENT = 0.1;
const FEWEST_LATE = 3;

export const integrity: AnalysisModule = ({ run, events, timeline }) => {
  const sum = sumIntegrity(events);
  if (sum === null) return { part: () => ({}) };
  const narrow = events.some((event) => event.kind === "counters" && event.machine === EVIL_NAME);
  const judged = withoutExpected({ run, narrow }, sum, judgeSpans(timeline, events));
  const served = events.flatMap((event) => (event.kind === "served" ? [event.corrupt] : []));
  const there = served.length > 0 ? { corruptAtTargets: served.reduce((total, n) => total + n, 0) } : {};
  return { part: () => ({ summary: { integrity: { ...sum, ...there, judged, where: whereOf(timeline, events) } } }) };
};

/** Of all streams together, by what each told last; null when none looked. */
function sumIntegrity(events: readonly Event[]): Integrity | null {
  const latest = new Map<string, Integrity>();
  for (const event of events)
    if ((event.kind === "sample" || event.kind === "stream_end") && event.integrity)
      latest.set(event.stream, event.integrity);
  if (latest.size === 0) return null;
  const sum: Integrity = { checked: 0, corrupt: 0, duplicates: 0, reordered: 0, late: 0 };
  for (const one of latest.values()) for (const name of Object.keys(sum) as (keyof Integrity)[]) sum[name] += one[name];
  return sum;
}

/** Order and delay, sample by sample, where nothing but the path can be the cause. */
function judgeSpans(timeline: Timeline, events: readonly Event[]): Pick<Judged, "answers" | "reordered" | "late"> {
  const isCalm = calmOf(timeline, events);
  const judged = { answers: 0, reordered: 0, late: 0 };
  const before = new Map<string, { t: number; received: number; reordered: number; late: number }>();
  for (const event of events) {
    if (event.kind !== "sample" || !event.integrity) continue;
    const { stream, t, received, maxLateUs, integrity } = event;
    const last = before.get(stream) ?? { t: timeline.streams.get(stream)?.t ?? t, received: 0, reordered: 0, late: 0 };
    const now = { t, received, reordered: integrity.reordered, late: integrity.late };
    before.set(stream, now);
    if (!isCalm({ fromT: last.t, toT: t }, maxLateUs)) continue;
    judged.answers += received - last.received;
    judged.reordered += now.reordered - last.reordered;
    judged.late += now.late - last.late;
  }
  return judged;
}

/** What was asked for is no fault. Where the way is `narrow`, what is too large for it is sent again, and so is late. */
function withoutExpected(
  { run: { options }, narrow }: { run: RunInfo; narrow: boolean },
  { corrupt, duplicates }: Integrity,
  { answers, reordered, late }: Pick<Judged, "answers" | "reordered" | "late">,
): Judged {
  const asked = (...names: string[]) => names.some((name) => options[name] !== undefined);
  return {
    answers,
    corrupt: asked("corrupt") ? 0 : corrupt,
    duplicates: asked("duplicate") ? 0 : duplicates,
    reordered: asked("delay", "reorder") ? 0 : reordered,
    late: narrow || asked("delay", "reorder", "loss", "corrupt") ? 0 : late,
  };
}

function whereOf({ streams }: Timeline, events: readonly Event[]): Summed["where"] {
  const sums = new Map<string, Summed["where"][number]>();
  for (const event of events) {
    if (event.kind !== "stream_end") continue;
    const family = streams.get(event.stream)?.family ?? 4;
    for (const [name, one] of Object.entries(event.troubles ?? {})) {
      const key = `${name}/${family}`;
      const sum = sums.get(key);
      if (sum) for (const what of Object.keys(one) as (keyof Troubles)[]) sum[what] += one[what];
      else sums.set(key, { target: name === "" ? null : name, family, ...one });
    }
  }
  return [...sums.values()];
}

/** Of the answers that are judged; 0 while they are very few. */
export function latePercentOf({ late, answers }: Pick<Judged, "late" | "answers">): number {
  return late < FEWEST_LATE ? 0 : (100 * late) / answers;
}

/** What came to a target so, at least: it tells four times a second, so of the last ones it may not have told. */
const MOST = 2 / 3;
/** Fewer may all have come after it told last. */
const FEWEST_BACK = 3;

/** Both ends look: what a target has seen was damaged before it came there. */
function damagedWhere({ corrupt, corruptAtTargets }: NonNullable<Summary["integrity"]>): string {
  if (corruptAtTargets === undefined) return "";
  if (corruptAtTargets >= MOST * corrupt) return ", and came to the targets so";
  return corruptAtTargets === 0 && corrupt >= FEWEST_BACK ? ", though they came to the targets whole" : "";
}

/** A packet that arrives once more than it was sent tells which way was twice. */
function doubledWhere(packets: Summary["packets"] | undefined): string {
  if ((packets?.duplicated ?? 0) > (packets?.noise ?? 0)) return ", as packets came to the targets twice";
  const { answers } = packets ?? {};
  return answers && answers.duplicated > answers.noise ? ", though the targets sent them once" : "";
}

/** One sentence for each thing that is not as it must be. */
export function integrityFailures({
  integrity,
  family,
  packets,
}: Pick<Summary, "integrity" | "family"> & Partial<Pick<Summary, "packets">>): string[] {
  if (!integrity) return [];
  const { checked, judged, where } = integrity;
  const of = (what: "corrupt" | "duplicates" | "reordered" | "late") =>
    whence(
      where.map((one) => ({ ...one, count: one[what] })),
      "from",
      family === "both",
    );
  const { answers, corrupt, duplicates, reordered, late } = judged;
  const percent = latePercentOf(judged);
  const checks: [boolean, string][] = [
    [
      corrupt > 0,
      `${count(corrupt)} of ${plural(checked, "message")} that were looked at came back otherwise than they were sent${of("corrupt")}${damagedWhere(integrity)}.`,
    ],
    [
      duplicates > 0,
      `${count(duplicates)} of ${plural(checked, "message")} came back more than once${of("duplicates")}${doubledWhere(packets)}.`,
    ],
    [
      reordered > 0,
      `${count(reordered)} of ${plural(answers, "message")} came back in another order than they were sent${of("reordered")}.`,
    ],
    [
      percent > LATE_PERCENT,
      `${count(late)} of ${plural(answers, "answer")} came later than 150 ms, though no event was under way and the machine kept up${of("late")} (${percent.toFixed(2)} %, limit ${LATE_PERCENT} %).`,
    ],
  ];
  return checks.flatMap(([bad, text]) => (bad ? [text] : []));
}
