// SPDX-License-Identifier: Apache-2.0
// 5-tuples that are opened again soon after they were closed: a target is chosen anew, or the connection comes to where the one before was.
import type { Reuse, StreamStart, Summary } from "../record/schema.ts";
import { count, plural } from "../util/numbers.ts";
import type { Check } from "./failures.ts";
import type { AnalysisModule, Judged } from "./part.ts";
import type { Row } from "./rows.ts";
import { keyOf } from "./sources.ts";
import type { Timeline } from "./timeline.ts";

const SIGMAS = 4;
/** The first SYN was dropped: TCP sends it again after a second. */
const LATE_NS = 0.95e9;

const isAgain = ({ visit = 1, sameTuple }: StreamStart): boolean => sameTuple === true && visit > 1;

/** Of a 5-tuple that came before, where the backend says what becomes of it: no choice for a new connection. */
export const isOpenedAgain = ({ deployed }: Pick<Timeline, "deployed">, { stream }: Pick<Row, "stream">): boolean =>
  deployed.reuse !== undefined && isAgain(stream);

type Found = NonNullable<Summary["reuse"]>;

export const reuse: AnalysisModule = ({ timeline, explain }) => {
  const expected = timeline.deployed.reuse;
  const comesAgain = [...timeline.streams.values()].some(isAgain);
  if (!expected || !comesAgain) return { part: () => ({ evidence: { comesAgain } }) };
  const bySource = new Map<string, Row[]>();
  return {
    row(row) {
      const key = keyOf(row);
      bySource.set(key, [...(bySource.get(key) ?? []), row]);
    },
    part() {
      const tally = new Tally(expected, timeline);
      for (const [before, next] of returnsOf(bySource)) {
        const text = tally.add(before, next);
        if (text !== null && next.establishedT !== null) explain(next, text);
      }
      return { summary: { reuse: tally.summary() }, evidence: { comesAgain } };
    },
  };
};

/** What became of 5-tuples that were opened again. */
class Tally {
  readonly #expected: Reuse;
  readonly #timeline: Timeline;
  readonly #found: Found;
  /** Those whose target was chosen anew. */
  readonly #anew = { returns: 0, moved: 0, likely: 0, variance: 0 };

  constructor(expected: Reuse, timeline: Timeline) {
    this.#expected = expected;
    this.#timeline = timeline;
    const goneReturns = { same: 0, again: 0, lost: 0, mispredicted: 0 };
    this.#found = { ...expected, returns: 0, moved: 0, low: 0, high: 0, late: 0, unjudged: 0, goneReturns };
  }

  /** What was wrong with the second one, as the end of a sentence; null: nothing. */
  add(before: Row, next: Row): string | null {
    const found = this.#found;
    const target = before.recorded.target;
    const memory = memoryAt(this.#expected, next.startT - before.endT);
    if (target === null || next.recorded.sport !== before.recorded.sport || memory === "unsure") {
      found.unjudged++;
      return null;
    }
    if (next.establishedT !== null && next.establishedT - next.startT >= LATE_NS) found.late++;
    const stage = next.view.stages.findLast(({ effectiveT }) => effectiveT <= next.startT);
    if (stage && !stage.active.has(target)) return this.#addGone(next, target, memory);
    const isMoved = Number(next.recorded.target !== target);
    if (this.#expected.after === "same" && memory === "kept") {
      found.returns++;
      found.moved += isMoved;
      return null;
    }
    const stays = this.#timeline.sharesIn(stage)?.get(target) ?? 1 / Math.max(1, stage?.active.size ?? 1);
    this.#anew.returns++;
    this.#anew.moved += isMoved;
    this.#anew.likely += 1 - stays;
    this.#anew.variance += stays * (1 - stays);
    return null;
  }

  #addGone(next: Row, target: string, memory: "kept" | "forgotten"): string | null {
    const how = fateOf(next, target);
    this.#found.goneReturns[how]++;
    if (how === (memory === "forgotten" ? "again" : this.#expected.gone)) return null;
    this.#found.goneReturns.mispredicted++;
    return `answered by ${next.recorded.target} after ${target} had left`;
  }

  summary(): Found {
    const { returns, moved, likely, variance } = this.#anew;
    // The families draw the same sources in the same order, so that turns come to both alike.
    const families = new Set([...this.#timeline.streams.values()].map(({ family }) => family)).size;
    const spread = SIGMAS * Math.sqrt(variance * families);
    const [low, high] = [Math.max(0, Math.floor(likely - spread)), Math.min(returns, Math.ceil(likely + spread))];
    const chosen = { returns, moved, low, high };
    if (this.#expected.after === "again") return { ...this.#found, ...chosen };
    return { ...this.#found, ...(returns > 0 ? { forgotten: chosen } : {}) };
  }
}

/** A time-out is as exact as the kernel's timers. */
const UNSURE_NS = 0.3e9;

function memoryAt({ forgottenS }: Reuse, silentNs: number): "kept" | "forgotten" | "unsure" {
  const overdue = forgottenS === undefined ? Number.NEGATIVE_INFINITY : silentNs - forgottenS * 1e9;
  if (Math.abs(overdue) < UNSURE_NS) return "unsure";
  return overdue > 0 ? "forgotten" : "kept";
}

/** Each visit with the one before of its source. */
function returnsOf(bySource: ReadonlyMap<string, Row[]>): [before: Row, next: Row][] {
  return [...bySource.values()].flatMap((rows) => {
    const ordered = rows.sort((a, b) => (a.stream.visit ?? 1) - (b.stream.visit ?? 1));
    return ordered.slice(1).map((next, i): [Row, Row] => [ordered[i] as Row, next]);
  });
}

function fateOf({ establishedT, recorded: { target } }: Row, before: string): Reuse["gone"] {
  if (establishedT === null) return "lost";
  return target === before ? "same" : "again";
}

/** An attempt to open a 5-tuple again that was to come to nothing. */
export const isLostAgain = ({ deployed }: Timeline, { stream, establishedT, recorded }: Row): boolean =>
  deployed.reuse?.gone === "lost" && isAgain(stream) && establishedT === null && recorded.cause === "timeout";

const GONE = { again: "chosen for anew", same: "sent to it all the same", lost: "lost: a black hole" } as const;

export function reuseFailures({ reuse: found }: Judged): Check[] {
  if (!found) return [];
  const { after, gone, returns, moved, low, high, goneReturns, forgotten } = found;
  const { same, again, lost, mispredicted } = goneReturns;
  const due = after === "same" ? "none was to" : `${count(low)} to ${count(high)} were to`;
  return [
    [
      moved < low || moved > high,
      `${count(moved)} of ${plural(returns, "5-tuple")} opened again came to another target than before, ${due}.`,
      "chance",
    ],
    [
      forgotten !== undefined && (forgotten.moved < forgotten.low || forgotten.moved > forgotten.high),
      `${count(forgotten?.moved ?? 0)} of ${plural(forgotten?.returns ?? 0, "5-tuple")} opened again after they were forgotten came to another target than before, ${count(forgotten?.low ?? 0)} to ${count(forgotten?.high ?? 0)} were to.`,
      "chance",
    ],
    [
      mispredicted > 0,
      `Of ${plural(same + again + lost, "5-tuple")} opened again after their target had left ${count(same)} came to it, ${count(again)} to another, and ${count(lost)} had no answer; all were to be ${GONE[gone]}.`,
    ],
  ];
}

export function reuseMerits({ reuse: found }: Judged): string[] {
  if (!found) return [];
  const { after, gone, returns, moved, goneReturns, late, forgotten } = found;
  const left = goneReturns.same + goneReturns.again + goneReturns.lost;
  const how =
    after === "same"
      ? "each came to the target that it had"
      : `${count(moved)} came to another target: it is chosen anew`;
  return [
    `Of ${plural(returns, "5-tuple")} opened again ${how}.`,
    ...(forgotten
      ? [
          `Of ${plural(forgotten.returns, "5-tuple")} opened again after they were forgotten ${count(forgotten.moved)} came to another target: it is chosen anew.`,
        ]
      : []),
    ...(left > 0
      ? [
          `${plural(left, "5-tuple")} of targets that had left ${left === 1 ? "was" : "were"} ${GONE[gone]}, as predicted.`,
        ]
      : []),
    ...(late > 0
      ? [`${plural(late, "5-tuple")} opened again waited a second or longer: the first SYN was dropped.`]
      : []),
  ];
}
